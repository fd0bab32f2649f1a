// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one file that knows curses, and what a terminal needs besides: modes that must be put back on
// every way out, signals that concern it, its size and its character set.
//
// Signals arrive through a pipe (the handler only notes them), except where the program cannot go
// on: a crash, or an end that is asked for while the terminal takes no output. Then the handler
// itself sends a text that was prepared at the start and puts back the modes; it uses nothing but
// async-signal-safe calls.
//
// The size is ours to find and given to curses, so that LINES and COLUMNS of some shell cannot
// freeze it. The last column is never written (the canvas is one narrower than the terminal): vt100
// and its likes scroll when the last cell is.

#include "ui/term.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"

#define TTY_IN  STDIN_FILENO
#define TTY_OUT STDOUT_FILENO

#define SIZE_WAIT_MS 300 // for a terminal's answer to where its cursor is
#define ESC_WAIT_MS  50  // between the bytes of one key
#define STUCK_S      2

#define MOUSE_EVENTS (BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED)

static struct {
	SCREEN *screen;
	WINDOW *input; // a pad, because reading from a window would refresh it
	int fixed_columns, fixed_rows;
	int asked_columns, asked_rows; // what the terminal answered; 0: it was not asked, or silent
	bool utf8, serial, colour, mouse;
	int signals[2];       // a pipe of signal numbers
	struct termios modes; // as they were before
	char restore[256];    // what to send before the modes are put back
	size_t restore_len;
	volatile sig_atomic_t taken;  // the terminal is in our modes
	volatile sig_atomic_t ending; // the signal that asked us to end
} term;

// ---- the terminal put right, from a signal handler

static void force_restore(void)
{
	int flags;

	if (!term.taken)
		return;
	term.taken = 0;
	tcflow(TTY_OUT, TCOON); // after Ctrl-S
	flags = fcntl(TTY_OUT, F_GETFL);
	fcntl(TTY_OUT, F_SETFL, flags | O_NONBLOCK);
	if (write(TTY_OUT, term.restore, term.restore_len) < 0) {
		// nobody is left to see it
	}
	fcntl(TTY_OUT, F_SETFL, flags);
	tcsetattr(TTY_IN, TCSANOW, &term.modes);
}

// Prepares what force_restore() sends: what endwin(3) would. Padding ("$<5>") is left out.
static void add_restore(const char *text)
{
	if (!text || text == (char *)-1)
		return;
	while (*text && term.restore_len < sizeof(term.restore)) {
		if (text[0] == '$' && text[1] == '<')
			text += strcspn(text, ">") + 1;
		else
			term.restore[term.restore_len++] = *text++;
	}
}

// As curses does: XM is not in every terminal's description.
static void add_mouse_restore(void)
{
	char *modes = tigetstr("XM");

	add_restore(modes && modes != (char *)-1 ? tparm(modes, 0, 0, 0, 0, 0, 0, 0, 0, 0)
						 : "\033[?1000l");
}

static void prepare_restore(int height)
{
	char *move = tigetstr("cup");

	term.restore_len = 0;
	if (term.mouse)
		add_mouse_restore();
	if (move && move != (char *)-1)
		add_restore(tparm(move, height - 1, 0, 0, 0, 0, 0, 0, 0, 0));
	add_restore(tigetstr("rmkx"));
	add_restore(tigetstr("sgr0"));
	add_restore(tigetstr("op"));
	add_restore(tigetstr("cnorm"));
	add_restore(tigetstr("rmcup"));
	add_restore("\r\n");
}

// ---- signals

static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
static const int end_signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
static const int noted_signals[] = { SIGTSTP, SIGCONT, SIGWINCH };

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct sigaction actions_before[NSIG];
static sigset_t mask_before;

static void on_crash(int signal)
{
	static const char note[] = "mpgate: the console crashed; the gateway is not affected\n";

	force_restore();
	if (write(STDERR_FILENO, note, sizeof(note) - 1) < 0) {
		// nobody is left to see it
	}
	sigaction(signal, &actions_before[signal], NULL);
	raise(signal);
}

static void note_signal(int signal)
{
	int saved_errno = errno;
	unsigned char byte = (unsigned char)signal;

	if (write(term.signals[1], &byte, 1) < 0) {
		// the pipe is full of signals that wait already
	}
	errno = saved_errno;
}

static void on_end(int signal)
{
	term.ending = signal;
	alarm(STUCK_S);
	note_signal(signal);
}

static void on_stuck(int signal)
{
	force_restore();
	_exit(128 + (term.ending ? term.ending : signal));
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigfillset(&action.sa_mask);
	sigaction(signal, &action, NULL);
}

static void take_signals(void)
{
	static char stack[64 * 1024];
	sigset_t none;

	// the stack itself may be what is wrong
	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL);
	for (size_t i = 0; i < N_OF(crash_signals); i++)
		handle(crash_signals[i], on_crash, SA_ONSTACK);
	for (size_t i = 0; i < N_OF(end_signals); i++)
		handle(end_signals[i], on_end, 0);
	for (size_t i = 0; i < N_OF(noted_signals); i++)
		handle(noted_signals[i], note_signal, 0);
	handle(SIGALRM, on_stuck, 0);
	handle(SIGPIPE, SIG_IGN, 0);
	// a parent that reads its signals from a descriptor has left them blocked
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, &mask_before);
}

// Curses sets handlers too, so this comes before it starts.
static void save_signals(void)
{
	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, NULL, &actions_before[signal]);
}

static void give_back_signals(void)
{
	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &actions_before[signal], NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
	close(term.signals[0]);
	close(term.signals[1]);
}

int term_signal_fd(void)
{
	return term.signals[0];
}

int term_signal(void)
{
	unsigned char byte;

	if (read(term.signals[0], &byte, 1) != 1)
		return 0;
	alarm(0);
	return byte;
}

// ---- size and character set

// A serial line knows no size, but its terminal does: it is sent to the far corner and asked where
// it stands. The answer is ESC [ ROWS ; COLUMNS R.
static void ask_size(void)
{
	static const char question[] = "\0337\033[999;999H\033[6n\0338";
	int64_t deadline_ms = clock_mono_ms() + SIZE_WAIT_MS;
	char answer[32] = "";
	struct termios now, raw;
	size_t n = 0;
	int height, width, left_ms;

	if (tcgetattr(TTY_IN, &now) != 0)
		return;
	raw = now;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(TTY_IN, TCSANOW, &raw);
	if (write(TTY_OUT, question, sizeof(question) - 1) < 0)
		goto out;
	while (n + 1 < sizeof(answer) && (left_ms = (int)(deadline_ms - clock_mono_ms())) > 0) {
		struct pollfd pfd = { .fd = TTY_IN, .events = POLLIN };

		if (poll(&pfd, 1, left_ms) <= 0 || read(TTY_IN, &answer[n], 1) != 1)
			break;
		if (answer[n++] == 'R')
			break;
	}
	answer[n] = '\0';
	if (sscanf(answer, "\033[%d;%dR", &height, &width) == 2 && height > 0 && width > 0) {
		term.asked_rows = height;
		term.asked_columns = width;
	}
out:
	tcsetattr(TTY_IN, TCSANOW, &now);
}

static bool knows_size(struct winsize *size)
{
	return ioctl(TTY_OUT, TIOCGWINSZ, size) == 0 && size->ws_row > 0 && size->ws_col > 0;
}

static void ask_size_if_needed(void)
{
	struct winsize size;

	if (!term.fixed_rows && !knows_size(&size))
		ask_size();
}

void term_size(int *width, int *height)
{
	struct winsize size;

	*width = 80;
	*height = 24;
	if (term.fixed_rows) {
		*width = term.fixed_columns;
		*height = term.fixed_rows;
	} else if (knows_size(&size)) {
		*width = size.ws_col;
		*height = size.ws_row;
	} else if (term.asked_rows) {
		*width = term.asked_columns;
		*height = term.asked_rows;
	}
	if (*width < 2)
		*width = 2;
}

static bool starts_with_any(const char *text, const char *const *starts)
{
	for (; *starts; starts++) {
		if (strncmp(text, *starts, strlen(*starts)) == 0)
			return true;
	}
	return false;
}

static bool find_serial(void)
{
	const char *name = ttyname(TTY_IN);

	return name && starts_with_any(name, (const char *const[]){ "/dev/ttyS", "/dev/ttyUSB",
								    "/dev/ttyAMA", NULL });
}

static bool choose_utf8(enum ui_charset charset, const char *type)
{
	setlocale(LC_CTYPE, "");
	if (charset == UI_CHARSET_UTF8 && strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8"); // or curses could not write it
	if (charset != UI_CHARSET_AUTO)
		return charset == UI_CHARSET_UTF8;
	// the kernel's console font lacks the eighth blocks
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 && !term.serial &&
	       !starts_with_any(
		       type, (const char *const[]){ "vt1", "vt2", "ansi", "dumb", "linux", NULL });
}

bool ui_shows_utf8(enum ui_charset charset)
{
	const char *type = getenv("TERM");

	if (charset == UI_CHARSET_AUTO && !isatty(TTY_OUT))
		return false;
	term.serial = find_serial();
	return choose_utf8(charset, type ? type : "dumb");
}

bool term_is_utf8(void)
{
	return term.utf8;
}

bool term_is_slow(void)
{
	return term.serial && baudrate() <= 9600;
}

// ---- colours

struct look {
	short colour;           // of the text; -1: the terminal's own
	attr_t coloured, plain; // with colours, and without
};

static const struct look looks[ATTRS] = {
	[ATTR_NORMAL] = { -1, A_NORMAL, A_NORMAL },
	[ATTR_GOOD] = { COLOR_GREEN, A_NORMAL, A_NORMAL },
	[ATTR_BAD] = { COLOR_YELLOW, A_BOLD, A_BOLD },
	[ATTR_FAILED] = { COLOR_RED, A_REVERSE, A_REVERSE },
	[ATTR_BUSY] = { COLOR_CYAN, A_NORMAL, A_NORMAL },
	[ATTR_IDLE] = { -1, A_DIM, A_NORMAL },
	[ATTR_LIMIT] = { COLOR_MAGENTA, A_BOLD, A_BOLD },
	[ATTR_SELECTED] = { -1, A_REVERSE, A_REVERSE },
	[ATTR_RX] = { COLOR_GREEN, A_NORMAL, A_NORMAL },
	[ATTR_TX] = { COLOR_CYAN, A_NORMAL, A_NORMAL },
	[ATTR_STATUS] = { -1, A_REVERSE, A_REVERSE },
	[ATTR_STATUS_ALERT] = { COLOR_RED, A_REVERSE | A_BOLD, A_REVERSE | A_BOLD },
	[ATTR_HEADING] = { -1, A_BOLD, A_BOLD },
};

static void start_colours(enum ui_color wish)
{
	const char *no_color = getenv("NO_COLOR");
	short background = -1;

	if (wish == UI_COLOR_NEVER || (wish == UI_COLOR_AUTO && no_color && no_color[0]))
		return;
	if (!has_colors() || start_color() == ERR)
		return;
	term.colour = true;
	if (use_default_colors() == ERR)
		background = COLOR_BLACK;
	for (short attr = 0; attr < ATTRS; attr++) {
		if (looks[attr].colour >= 0)
			init_pair((short)(attr + 1), looks[attr].colour, background);
	}
}

static attr_t attributes_of(enum attr attr, short *pair)
{
	const struct look *look = &looks[attr];

	*pair = term.colour && look->colour >= 0 ? (short)(attr + 1) : 0;
	return (term.colour ? look->coloured : look->plain) & (termattrs() | A_NORMAL);
}

// ---- open, close, suspend

static const char *terminal_type(void)
{
	const char *type = getenv("TERM");

	return type && type[0] ? type : "unknown";
}

static int start_curses(const char **type)
{
	use_env(FALSE);
	term.screen = newterm(*type, stdout, stdin);
	if (!term.screen) {
		fprintf(stderr, "mpgate: terminal type '%s' is not known here: using vt100\n",
			*type);
		*type = "vt100";
		term.screen = newterm(*type, stdout, stdin);
	}
	if (!term.screen) {
		fprintf(stderr, "mpgate: terminal type 'vt100' is not known here either: "
				"apt install ncurses-base\n");
		return -ENOENT;
	}
	cbreak(); // Ctrl-C, Ctrl-Z and Ctrl-S keep their meaning
	noecho();
	nonl();
	idcok(stdscr, TRUE);
	term.input = newpad(1, 1);
	keypad(term.input, TRUE);
	nodelay(term.input, TRUE);
	if (term.mouse) {
		mouseinterval(0); // a click is told when the button goes down
		mousemask(MOUSE_EVENTS, NULL);
	}
	set_escdelay(term_is_slow() ? 4 * ESC_WAIT_MS : ESC_WAIT_MS);
	return 0;
}

int term_open(const struct ui_options *options)
{
	const char *type = terminal_type();
	int width, height, rc;

	term.fixed_columns = options->width;
	term.fixed_rows = options->height;
	term.serial = find_serial();
	term.mouse = options->mouse;
	term.utf8 = choose_utf8(options->charset, type);
	if (tcgetattr(TTY_IN, &term.modes) != 0 ||
	    pipe2(term.signals, O_CLOEXEC | O_NONBLOCK) != 0) {
		rc = -errno;
		fprintf(stderr, "mpgate: console: cannot use the terminal: %s\n", strerror(errno));
		return rc;
	}
	ask_size_if_needed();
	save_signals();
	rc = start_curses(&type);
	if (rc != 0)
		return rc;
	start_colours(options->color);
	term_size(&width, &height);
	prepare_restore(height);
	term.taken = 1;
	take_signals(); // after curses has set its own handlers
	return 0;
}

void term_close(void)
{
	alarm(STUCK_S);
	endwin();
	term.taken = 0;
	alarm(0);
	delwin(term.input);
	delscreen(term.screen);
	give_back_signals();
}

void term_suspend(void)
{
	alarm(STUCK_S);
	endwin();
	term.taken = 0;
	alarm(0);
	signal(SIGTSTP, SIG_DFL);
	raise(SIGTSTP);
	handle(SIGTSTP, note_signal, 0);
	term.taken = 1;
	term_repaint();
}

// ---- keys

static const struct {
	int curses, ours;
} key_names[] = {
	{ KEY_UP, UI_KEY_UP },         { KEY_DOWN, UI_KEY_DOWN },
	{ KEY_HOME, UI_KEY_HOME },     { KEY_FIND, UI_KEY_HOME }, // what vt220 calls it
	{ KEY_END, UI_KEY_END },       { KEY_SELECT, UI_KEY_END },
	{ KEY_PPAGE, UI_KEY_PAGE_UP }, { KEY_NPAGE, UI_KEY_PAGE_DOWN },
	{ KEY_F(1), UI_KEY_F1 },       { KEY_HELP, UI_KEY_F1 },
	{ KEY_F(10), UI_KEY_F10 },     { KEY_ENTER, UI_KEY_ENTER },
	{ '\r', UI_KEY_ENTER },        { KEY_BACKSPACE, UI_KEY_BACKSPACE },
	{ KEY_LEFT, UI_KEY_LEFT },     { KEY_RIGHT, UI_KEY_RIGHT },
	{ KEY_F(3), UI_KEY_F3 },       { KEY_F(6), UI_KEY_F6 },
	{ KEY_BTAB, UI_KEY_BACK_TAB }, { KEY_MOUSE, UI_KEY_MOUSE },
};

int term_key(void)
{
	int key;

	do
		key = wgetch(term.input);
	while (key == KEY_RESIZE); // curses' echo of our resizeterm()
	if (key == ERR)
		return UI_KEY_NONE;
	for (size_t i = 0; i < N_OF(key_names); i++) {
		if (key_names[i].curses == key)
			return key_names[i].ours;
	}
	return key > 0 && key < 0x80 ? key : UI_KEY_OTHER;
}

struct ui_mouse_event term_mouse(void)
{
	struct ui_mouse_event out = { 0 };
	MEVENT event;

	if (getmouse(&event) != OK)
		return out;
	out.row = event.y;
	out.kind = event.bstate & BUTTON1_PRESSED   ? UI_MOUSE_CLICK
		   : event.bstate & BUTTON4_PRESSED ? UI_MOUSE_WHEEL_UP
		   : event.bstate & BUTTON5_PRESSED ? UI_MOUSE_WHEEL_DOWN
						    : UI_MOUSE_NONE;
	return out;
}

// ---- drawing

bool term_takes_output(void)
{
	struct pollfd pfd = { .fd = TTY_OUT, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLOUT;
}

static void draw_cell(int row, int col, const struct cell *cell)
{
	wchar_t glyph[2] = { (wchar_t)cell->glyph, 0 };
	cchar_t wide;
	short pair;
	attr_t attributes = attributes_of((enum attr)cell->attr, &pair);

	if (setcchar(&wide, glyph, attributes, pair, NULL) == OK)
		mvadd_wch(row, col, &wide);
}

void term_ring(void)
{
	beep();
}

void term_draw(const struct canvas *canvas)
{
	if (LINES != canvas->height || COLS != canvas->width + 1) {
		resizeterm(canvas->height, canvas->width + 1);
		clearok(curscr, TRUE);
		prepare_restore(canvas->height);
	}
	erase();
	for (int row = 0; row < canvas->height; row++) {
		for (int col = 0; col < canvas->width; col++)
			draw_cell(row, col, &canvas->cells[row * canvas->width + col]);
	}
	move(canvas->cursor_row, canvas->cursor_col);
	refresh();
}

void term_repaint(void)
{
	ask_size_if_needed();
	reset_prog_mode();
	if (term.mouse) { // curses believes that it is on still
		mousemask(0, NULL);
		mousemask(MOUSE_EVENTS, NULL);
	}
	clearok(curscr, TRUE);
}
