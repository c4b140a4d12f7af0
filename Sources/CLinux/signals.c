#define _GNU_SOURCE
#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_int noted;
static atomic_int has_spoken;
static atomic_int hidden_directory = -1;
static atomic_uint hidden_count;

static const char head[] = ".vmcs-split-";
static const char tail[] = ".tmp";

/* Decimal digits at `to`; the place behind them. No snprintf: a signal handler calls this. */
static char *digits(char *to, unsigned long value) {
  char reversed[24];
  int count = 0;
  do {
    reversed[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0) *to++ = reversed[--count];
  return to;
}

void clinux_hidden_name(unsigned serial, char name[CLINUX_HIDDEN_NAME_SIZE]) {
  memcpy(name, head, sizeof head - 1);
  char *end = digits(name + sizeof head - 1, (unsigned long)getpid());
  *end++ = '-';
  end = digits(end, serial);
  memcpy(end, tail, sizeof tail);
}

static const char *skip_digits(const char *text) {
  const char *end = text;
  while (*end >= '0' && *end <= '9') end++;
  return end == text ? "" : end;
}

int clinux_is_hidden_name(const char *name) {
  if (strncmp(name, head, sizeof head - 1) != 0) return 0;
  const char *rest = skip_digits(name + sizeof head - 1);
  return *rest == '-' && strcmp(skip_digits(rest + 1), tail) == 0;
}

void clinux_remove_hidden_at_end(int directory, unsigned count) {
  atomic_store(&hidden_count, count);
  atomic_store(&hidden_directory, directory);
}

/* The way out where nothing can be waited for: hidden files go, and one line says why. */
static _Noreturn void end_at_once(int status, const char *text) {
  static atomic_int ending;
  if (atomic_exchange(&ending, 1) != 0) {
    for (;;) pause(); /* Another thread says it. */
  }
  int directory = atomic_load(&hidden_directory);
  unsigned count = directory < 0 ? 0 : atomic_load(&hidden_count);
  for (unsigned serial = 1; serial <= count; serial++) {
    char name[CLINUX_HIDDEN_NAME_SIZE];
    clinux_hidden_name(serial, name);
    unlinkat(directory, name, 0);
  }
  if (atomic_load(&has_spoken) == 0) (void)!write(STDERR_FILENO, text, strlen(text));
  _exit(status);
}

static void on_signal(int number) {
  int none = 0;
  if (atomic_compare_exchange_strong(&noted, &none, number)) return;
  end_at_once(128 + number, "vmcs-split: ended at once by a second signal; no half file carries a name\n");
}

void clinux_end_without_memory(void) {
  end_at_once(74, "vmcs-split: out of memory; give the process more address space, or a smaller --memory and fewer --threads\n");
}

static void handle(int number, void (*handler)(int)) {
  struct sigaction before, action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  if (sigaction(number, NULL, &before) != 0 || before.sa_handler == SIG_IGN) return;
  sigfillset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

void clinux_note_signals(void) {
  static const int stops[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2};
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) handle(stops[i], on_signal);
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

void clinux_why_is_said(void) { atomic_store(&has_spoken, 1); }

int clinux_noted_signal(void) { return atomic_load(&noted); }
