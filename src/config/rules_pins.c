// SPDX-License-Identifier: GPL-2.0-or-later
//
// What must hold of pins: that each leads somewhere, takes something, and is not hidden behind one
// that stands before it.
#include <string.h>

#include "config/config_priv.h"

static void check_name(struct loaded *l, size_t i)
{
	const struct config_pin *pins = l->config->pins;

	for (size_t j = 0; j < i && pins[i].name[0]; j++) {
		if (strcmp(pins[i].name, pins[j].name) != 0)
			continue;
		complain(l, pins[i].line,
			 "pin '%s' was defined before, on line %d; give it another name",
			 pins[i].name, pins[j].line);
		return;
	}
}

static void check_via(struct loaded *l, size_t i)
{
	const struct config_pin *pin = &l->config->pins[i];
	const struct piece *piece = l->pins[i];
	const struct config_path *path = config_find_path(l->config, pin->via);
	const struct config_exit *exit = config_find_exit(l->config, pin->via);
	bool direct = strcmp(pin->via, CONFIG_DIRECT) == 0;

	if (!pin->via[0])
		return; // that was said
	if (!direct && !path && !exit)
		complain(l, rules_line_of(piece, "via"),
			 "pin '%s': there is neither a path nor an exit '%s', give the name of "
			 "one, or \"%s\"",
			 pin->name, pin->via, CONFIG_DIRECT);
	else if (direct + !!path + !!exit > 1)
		complain(l, rules_line_of(piece, "via"),
			 "pin '%s': '%s' has more than one meaning here, as %s; give the path or "
			 "exit another name",
			 pin->name, pin->via,
			 !direct ? "a path and an exit have that name"
				 : "a path or an exit has that name");
	else if (rules_is_given(piece, "proxy") && !path)
		complain(l, rules_line_of(piece, "proxy"),
			 "pin '%s': proxy is for a path, and '%s' %s; leave it out", pin->name,
			 pin->via, exit ? "is an exit, which always carries" : "never carries");
	else if (rules_is_given(piece, "when-down") && direct)
		complaints_add(l->complaints, COMPLAINT_WARNING, rules_line_of(piece, "when-down"),
			       "pin '%s': when-down does nothing, what goes direct is not mpgate's",
			       pin->name);
}

static bool has_family(const struct config_prefixes *ranges, sa_family_t family)
{
	for (size_t i = 0; i < ranges->n; i++) {
		if (ranges->list[i].addr.family == family)
			return true;
	}
	return !ranges->n;
}

static void check_match(struct loaded *l, size_t i)
{
	const struct config_pin *pin = &l->config->pins[i];
	const struct piece *piece = l->pins[i];

	if (!rules_is_given(piece, "to") && !rules_is_given(piece, "from") &&
	    !rules_is_given(piece, "ports"))
		complain(l, pin->line,
			 "pin '%s' takes everything, say what it is for with 'to', 'from' or "
			 "'ports'",
			 pin->name);
	else if (!(has_family(&pin->to, AF_INET) && has_family(&pin->from, AF_INET)) &&
		 !(has_family(&pin->to, AF_INET6) && has_family(&pin->from, AF_INET6)))
		complain(l, rules_line_of(piece, "to"),
			 "pin '%s' takes nothing: of 'to' and 'from' one is IPv4, the other IPv6",
			 pin->name);
}

// ---- hidden pins

// What names no ranges takes less than all of them, so it only hides what names none either.
static bool covers_ranges(const struct config_prefixes *wide, const struct config_prefixes *narrow)
{
	if (!wide->n || !narrow->n)
		return wide->n == narrow->n;
	for (size_t i = 0; i < narrow->n; i++) {
		bool inside = false;

		for (size_t k = 0; k < wide->n && !inside; k++)
			inside = wide->list[k].len <= narrow->list[i].len &&
				 prefix_contains(&wide->list[k], &narrow->list[i].addr);
		if (!inside)
			return false;
	}
	return true;
}

static bool covers_ports(const struct config_ports *wide, const struct config_ports *narrow)
{
	if (!wide->n || !narrow->n)
		return !wide->n;
	for (size_t i = 0; i < narrow->n; i++) {
		bool inside = false;

		for (size_t k = 0; k < wide->n && !inside; k++)
			inside = wide->list[k].first <= narrow->list[i].first &&
				 wide->list[k].last >= narrow->list[i].last;
		if (!inside)
			return false;
	}
	return true;
}

static bool hides(const struct config_pin *first, const struct config_pin *later)
{
	return first->when_down == CONFIG_DOWN_BLOCK &&
	       (first->proto == CONFIG_PROTO_ANY || first->proto == later->proto) &&
	       covers_ports(&first->ports, &later->ports) &&
	       covers_ranges(&first->to, &later->to) && covers_ranges(&first->from, &later->from);
}

static void check_hidden(struct loaded *l, size_t i)
{
	const struct config_pin *pins = l->config->pins;

	for (size_t j = 0; j < i; j++) {
		if (!hides(&pins[j], &pins[i]))
			continue;
		complaints_add(l->complaints, COMPLAINT_WARNING, pins[i].line,
			       "pin '%s' is never asked, pin '%s' on line %d takes all of it "
			       "before; put the "
			       "narrower one first",
			       pins[i].name, pins[j].name, pins[j].line);
		return;
	}
}

void rules_check_pins(struct loaded *l)
{
	for (size_t i = 0; i < l->config->n_pins; i++) {
		check_name(l, i);
		check_via(l, i);
		check_match(l, i);
		check_hidden(l, i);
	}
}
