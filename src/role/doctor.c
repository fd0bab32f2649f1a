// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate doctor`: what is wrong, why, and what to do about it; with and without a running gateway.
#include "role/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role/role_priv.h"

static const char *const words[DOCTOR_LEVELS] = {
	[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "FAIL", [DOCTOR_SKIP] = "skip"
};

static const char *const json_words[DOCTOR_LEVELS] = { [DOCTOR_OK] = "ok",
						       [DOCTOR_WARN] = "warning",
						       [DOCTOR_FAIL] = "failure",
						       [DOCTOR_SKIP] = "skipped" };

struct doctor_job {
	struct role_args args;
	bool strict;
	struct config *config;
	struct snapshot snapshot;
	struct doctor_facts facts;
	struct doctor_report report;
	int counts[DOCTOR_LEVELS];
};

// ---- which findings are asked for

static bool is_check(const char *word)
{
	for (const struct doctor_check *c = doctor_checks; c->id; c++) {
		if (strcmp(word, c->id) == 0 || strcmp(word, c->group) == 0)
			return true;
	}
	return false;
}

static bool is_object(const struct config *config, const char *word)
{
	for (size_t i = 0; config && i < config->n_paths; i++) {
		if (strcmp(word, config->paths[i].name) == 0)
			return true;
	}
	for (size_t i = 0; config && i < config->n_exits; i++) {
		if (strcmp(word, config->exits[i].name) == 0)
			return true;
	}
	return false;
}

static int check_words(const struct doctor_job *job)
{
	struct str hint = { 0 };
	int status = STATUS_DONE;

	for (int i = 0; i < job->args.n_operands && status == STATUS_DONE; i++) {
		const char *word = job->args.operands[i];

		if (is_check(word) || is_object(job->config, word))
			continue;
		str_add(&hint, "besides paths and exits there are:");
		for (const struct doctor_check *c = doctor_checks; c->id; c++)
			str_addf(&hint, " %s", c->id);
		status = role_fail(STATUS_NO_SUCH, str_text(&hint),
				   "doctor: no check, path or exit '%s'", word);
	}
	str_fini(&hint);
	return status;
}

static bool is_asked_for(const struct doctor_job *job, const struct doctor_finding *f)
{
	for (int i = 0; i < job->args.n_operands; i++) {
		const char *word = job->args.operands[i];

		if (strcmp(word, f->check) == 0 || strcmp(word, f->group) == 0 ||
		    strcmp(word, f->object) == 0)
			return true;
	}
	return job->args.n_operands == 0;
}

// Leaves out what is not asked for, and counts the rest.
static void select_findings(struct doctor_job *job)
{
	struct doctor_report *r = &job->report;
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (!is_asked_for(job, &r->list[i]))
			continue;
		r->list[n] = r->list[i];
		job->counts[r->list[n++].level]++;
	}
	r->n = n;
}

// ---- for people

static void print_finding(const struct doctor_finding *f)
{
	char clean[sizeof(f->text)];

	printf("  %-5s %s%s%s\n", words[f->level], f->object, f->object[0] ? "  " : "",
	       str_copy_clean(clean, sizeof(clean), f->text));
	if (f->cause[0])
		printf("          %s\n", str_copy_clean(clean, sizeof(clean), f->cause));
	if (f->next[0])
		printf("          try: %s\n", str_copy_clean(clean, sizeof(clean), f->next));
}

static void print_report(const struct doctor_job *job, int status)
{
	const struct doctor_report *r = &job->report;
	const int *n = job->counts;

	for (size_t i = 0; i < r->n; i++) {
		if (i == 0 || strcmp(r->list[i].group, r->list[i - 1].group) != 0)
			printf("%s\n", r->list[i].group);
		print_finding(&r->list[i]);
	}
	printf("\n%d ok, %d warning%s, %d failed, %d not checked.   exit %d\n", n[DOCTOR_OK],
	       n[DOCTOR_WARN], n[DOCTOR_WARN] == 1 ? "" : "s", n[DOCTOR_FAIL], n[DOCTOR_SKIP],
	       status);
}

// ---- for programs

static void print_plain(const struct doctor_job *job)
{
	if (!job->args.no_header)
		puts("#check\tgroup\tlevel\tobject\ttext\tcause\tnext");
	for (size_t i = 0; i < job->report.n; i++) {
		const struct doctor_finding *f = &job->report.list[i];
		const char *const texts[] = { f->object, f->text, f->cause, f->next };

		printf("%s\t%s\t%s", f->check, f->group, json_words[f->level]);
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
			char clean[sizeof(f->text)];

			printf("\t%s",
			       texts[k][0] ? str_copy_clean(clean, sizeof(clean), texts[k]) : "-");
		}
		putchar('\n');
	}
}

static void add_text(struct str *out, const char *key, const char *text)
{
	str_addf(out, "\"%s\":", key);
	if (text[0])
		role_add_json_text(out, text);
	else
		str_add(out, "null");
}

static void print_json(const struct doctor_job *job, int status)
{
	const int *n = job->counts;
	struct str out = { 0 };

	str_addf(&out,
		 "{\"schema\":\"mpgate.doctor\",\"schema_version\":1,\"exit\":%d,\"ok\":%d,"
		 "\"warnings\":%d,\"failures\":%d,\"skipped\":%d,\"findings\":[",
		 status, n[DOCTOR_OK], n[DOCTOR_WARN], n[DOCTOR_FAIL], n[DOCTOR_SKIP]);
	for (size_t i = 0; i < job->report.n; i++) {
		const struct doctor_finding *f = &job->report.list[i];

		str_addf(&out, "%s{\"check\":\"%s\",\"group\":\"%s\",\"level\":\"%s\",",
			 i ? "," : "", f->check, f->group, json_words[f->level]);
		add_text(&out, "object", f->object);
		str_add(&out, ",");
		add_text(&out, "text", f->text);
		str_add(&out, ",");
		add_text(&out, "cause", f->cause);
		str_add(&out, ",");
		add_text(&out, "next", f->next);
		str_add(&out, "}");
	}
	str_add(&out, "]}");
	puts(str_text(&out));
	str_fini(&out);
}

static int run(struct doctor_job *job)
{
	const char *file = job->args.config;
	struct str errors = { 0 };
	int status;

	doctor_ask_gateway(&job->args, &job->snapshot, &job->facts);
	if (!job->args.config_given && job->snapshot.config_file[0])
		file = job->snapshot.config_file;
	config_load(file, CONFIG_ROLE_GATEWAY, &job->config, &errors);
	job->facts.config_errors = str_take(&errors);
	status = check_words(job);
	if (status != STATUS_DONE)
		return status;
	doctor_look(&job->args, job->config, job->args.operands, job->args.n_operands, &job->facts);
	doctor_judge(&job->facts, &job->report);
	select_findings(job);
	if (job->counts[DOCTOR_FAIL] || (job->strict && job->counts[DOCTOR_WARN]))
		status = STATUS_FAILED;
	if (job->args.json)
		print_json(job, status);
	else if (job->args.plain)
		print_plain(job);
	else
		print_report(job, status);
	return status;
}

int role_doctor(int argc, char **argv)
{
	struct doctor_job *job = xcalloc(1, sizeof(*job));
	const struct role_option options[] = {
		{ "strict", 0, NULL, "treat warnings as failures", .flag = &job->strict },
		{ 0 },
	};
	int status;

	if (role_args_parse(&job->args, argc, argv, options))
		status = run(job);
	else
		status = job->args.status;
	doctor_facts_fini(&job->facts);
	config_free(job->config);
	free(job);
	return status;
}
