// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_METRICS_H
#define ROLE_METRICS_H

#include "base/str.h"
#include "model/snapshot.h"

// The type of what metrics_write() writes, for HTTP.
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

// Appends a snapshot in Prometheus' text format: base units, `_total` on counters, HELP and TYPE
// once per name. What is unknown or does not apply is left out. No label holds an address.
void metrics_write(const struct snapshot *s, struct str *out);

#endif
