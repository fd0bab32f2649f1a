// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RAW_KEY_PREFIX "base64:"

// Room for a long passphrase; a key is 51 bytes.
#define SECRET_MAX_BYTES 1024

static const size_t key_bytes[CONFIG_METHODS] = {
	[CONFIG_METHOD_AES_128_GCM] = 16,
	[CONFIG_METHOD_AES_256_GCM] = 32,
	[CONFIG_METHOD_CHACHA20_POLY1305] = 32,
};

// Both alphabets of RFC 4648, padded or not.
static bool is_base64_of(const char *text, size_t bytes)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/-_";
	size_t digits = strspn(text, alphabet), padding = strspn(text + digits, "=");

	return digits == (bytes * 8 + 5) / 6 && !text[digits + padding] &&
	       (padding == 0 || (digits + padding) % 4 == 0);
}

// What the bytes of the file say; cuts the line end off.
static int check_secret(char *text, size_t len, const enum config_method *method, struct str *why)
{
	if (memchr(text, '\0', len)) {
		str_add(why,
			"holds a NUL byte: a key is written as text, \"base64:...\" or a password");
		return -EINVAL;
	}
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len > 0 && text[len - 1] == '\r')
		text[--len] = '\0';
	if (len == 0) {
		str_add(why, "is empty, put the key or a password into it");
		return -EINVAL;
	}
	if (strpbrk(text, "\r\n")) {
		str_add(why, "has more than one line, only the secret belongs into it");
		return -EINVAL;
	}
	if (method && strncmp(text, RAW_KEY_PREFIX, strlen(RAW_KEY_PREFIX)) == 0 &&
	    !is_base64_of(text + strlen(RAW_KEY_PREFIX), key_bytes[*method])) {
		str_addf(why,
			 "holds no base64 of %zu bytes, which %s needs; "
			 "'openssl rand -base64 %zu' makes them",
			 key_bytes[*method], config_method_word(*method), key_bytes[*method]);
		return -EINVAL;
	}
	return 0;
}

static int check_file(int fd, struct str *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int rc = -errno;

		str_addf(why, "cannot be read: %s", strerror(-rc));
		return rc;
	}
	if (!S_ISREG(st.st_mode)) {
		str_add(why, "is no regular file");
		return -EINVAL;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		str_addf(why, "is open to others (mode %04o), set it right with 'chmod 600'",
			 (unsigned)st.st_mode & 07777);
		return -EPERM;
	}
	if (st.st_size > SECRET_MAX_BYTES) {
		str_addf(why, "is larger than %d bytes, this is no key", SECRET_MAX_BYTES);
		return -EFBIG;
	}
	return 0;
}

int secret_read(const char *file, const enum config_method *method, char **out, struct str *why)
{
	char text[SECRET_MAX_BYTES + 1] = "";
	size_t len = 0;
	ssize_t n;
	int fd, rc;

	// O_NONBLOCK: a FIFO in its place must not hold us up
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		rc = -errno;
		str_addf(why, "cannot be read: %s", strerror(errno));
		return rc;
	}
	rc = check_file(fd, why);
	if (rc < 0)
		goto out;
	while (len < SECRET_MAX_BYTES && (n = read(fd, text + len, SECRET_MAX_BYTES - len)) != 0) {
		if (n < 0) {
			rc = -errno;
			str_addf(why, "cannot be read: %s", strerror(errno));
			goto out;
		}
		len += (size_t)n;
	}
	rc = check_secret(text, len, method, why);
	if (rc == 0)
		*out = xstrdup(text);
out:
	explicit_bzero(text, sizeof(text));
	close(fd);
	return rc;
}

int config_secret_read(const char *key_file, char **out, struct str *errors)
{
	struct str why = { 0 };
	int rc = secret_read(key_file, NULL, out, &why);

	if (rc < 0)
		str_addf(errors, "key file %s %s\n", key_file, str_text(&why));
	str_fini(&why);
	return rc;
}

void config_secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
