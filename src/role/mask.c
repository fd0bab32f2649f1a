// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/mask.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WORD_MIN 4
#define MAC_LEN  17

void mask_fini(struct mask *mask)
{
	for (size_t i = 0; i < mask->n_words; i++) {
		explicit_bzero(mask->words[i].word, strlen(mask->words[i].word));
		free(mask->words[i].word);
		free(mask->words[i].as);
	}
	free(mask->words);
	free(mask->addrs);
	free(mask->macs);
	*mask = (struct mask){ 0 };
}

void mask_add_word(struct mask *mask, const char *word, const char *as, bool anywhere)
{
	if (strlen(word) < WORD_MIN)
		return;
	mask->words = xgrow(mask->words, mask->n_words, sizeof(*mask->words));
	mask->words[mask->n_words++] = (struct mask_word){ .word = xstrdup(word),
							   .as = xstrdup(as),
							   .anywhere = anywhere };
}

// ---- words

static bool is_of_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

// The word that begins at `at`, or NULL.
static const struct mask_word *find_word(const struct mask *mask, const char *text, const char *at)
{
	const struct mask_word *longest = NULL;

	for (size_t i = 0; i < mask->n_words; i++) {
		const struct mask_word *w = &mask->words[i];
		size_t len = strlen(w->word);

		if (strncmp(at, w->word, len) != 0 || (longest && strlen(longest->word) >= len))
			continue;
		if (!w->anywhere && ((at > text && is_of_word(at[-1])) || is_of_word(at[len])))
			continue;
		longest = w;
	}
	return longest;
}

// ---- addresses

static bool is_kept(const struct addr *addr)
{
	// what plan/ lets through, and what has no host
	static const char *const kept[] = {
		"0.0.0.0/8",
		"10.0.0.0/8",
		"100.64.0.0/10",
		"127.0.0.0/8",
		"169.254.0.0/16",
		"172.16.0.0/12",
		"192.0.0.0/24",
		"192.168.0.0/16",
		"198.18.0.0/15",
		"224.0.0.0/3",
		"::",
		"::1",
		"64:ff9b::",
		"64:ff9b:1::",
		"100::",
		"2001::",
		"2002::",
		"5f00::",
		"fc00::",
		"fe80::",
		"ff00::/8",
		"::ffff:0.0.0.0",
	};
	struct prefix prefix;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (prefix_parse(kept[i], &prefix) == 0 && prefix_contains(&prefix, addr))
			return true;
	}
	return false;
}

static void add_addr(struct mask *mask, const struct addr *addr, struct str *out)
{
	size_t i = 0, number = 0;

	for (; i < mask->n_addrs && !addr_equal(&mask->addrs[i], addr); i++)
		number += mask->addrs[i].family == addr->family;
	if (i == mask->n_addrs) {
		mask->addrs = xgrow(mask->addrs, mask->n_addrs, sizeof(*mask->addrs));
		mask->addrs[mask->n_addrs++] = *addr;
	}
	str_addf(out, "ip%c-%zu", addr->family == AF_INET ? '4' : '6', number + 1);
}

static void add_mac(struct mask *mask, const char *text, struct str *out)
{
	char mac[MAC_LEN + 1];
	size_t i = 0;

	for (; i < MAC_LEN; i++)
		mac[i] = (char)tolower((unsigned char)text[i]);
	mac[MAC_LEN] = '\0';
	for (i = 0; i < mask->n_macs && strcmp(mask->macs[i], mac) != 0; i++)
		;
	if (i == mask->n_macs) {
		mask->macs = xgrow(mask->macs, mask->n_macs, sizeof(*mask->macs));
		memcpy(mask->macs[mask->n_macs++], mac, sizeof(mac));
	}
	str_addf(out, "mac-%zu", i + 1);
}

static bool is_mac(const char *run, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (i % 3 == 2 ? run[i] != ':' : !isxdigit((unsigned char)run[i]))
			return false;
	}
	return len == MAC_LEN;
}

static bool parse_piece(const char *from, size_t len, struct addr *out)
{
	char text[ADDR_STRLEN];

	if (len < 2 || len >= sizeof(text))
		return false;
	memcpy(text, from, len);
	text[len] = '\0';
	return addr_parse(text, out) == 0;
}

// The longest address that begins with the run of hex digits, dots and colons: behind it there may
// be a port or the end of a sentence. 0: none.
static size_t find_addr(const char *run, size_t len, struct addr *out)
{
	for (size_t n = len; n > 1; n--) {
		if ((n == len || strchr(".:", run[n])) && parse_piece(run, n, out))
			return n;
	}
	return 0;
}

// A run may have something before its address too: "addr:192.0.2.1".
static void mask_run(struct mask *mask, const char *run, size_t len, struct str *out)
{
	struct addr addr;

	if (is_mac(run, len)) {
		add_mac(mask, run, out);
		return;
	}
	for (size_t i = 0; i < len;) {
		bool begins = i == 0 || strchr(".:", run[i - 1]);
		size_t n = begins ? find_addr(run + i, len - i, &addr) : 0;

		if (n && !is_kept(&addr))
			add_addr(mask, &addr, out);
		else
			str_add_bytes(out, run + i, n ? n : 1);
		i += n ? n : 1;
	}
}

void mask_text(struct mask *mask, const char *text, struct str *out)
{
	static const char of_addr[] = "0123456789abcdefABCDEF:.";

	for (const char *at = text; *at;) {
		const struct mask_word *word = find_word(mask, text, at);
		size_t run = strspn(at, of_addr);

		if (word) {
			str_add(out, word->as);
			at += strlen(word->word);
		} else if (run) {
			// a word may begin within it
			for (size_t i = 1; i < run; i++) {
				if (find_word(mask, text, at + i))
					run = i;
			}
			mask_run(mask, at, run, out);
			at += run;
		} else {
			str_add_bytes(out, at++, 1);
		}
	}
}
