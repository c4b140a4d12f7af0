#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Above the descriptors that the child gets, so that none is lost while they are laid out. */
static int moved(int file) { return fcntl(file, F_DUPFD_CLOEXEC, 16); }

/* Between fork and exec: other threads may hold any lock, so only calls that take none. */
static _Noreturn void become_child(const char *const *arguments, int output, int errors, int held, int parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(128 + SIGKILL);
  int choice = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (choice >= 0) {
    (void)!write(choice, "900", 3);
    close(choice);
  }
  int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input < 0) input = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  input = moved(input);
  output = moved(output);
  errors = moved(errors);
  if (held >= 0) held = moved(held);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) _exit(127);
  if (held >= 0 && dup2(held, 3) < 0) _exit(127);
  char *const *words = (char *const *)arguments;
  execve("/proc/self/exe", words, environ);
  const char *path = (const char *)getauxval(AT_EXECFN);
  if (path) execve(path, words, environ);
  _exit(127);
}

int clinux_start_child(const char *const *arguments, int output, int errors, int held) {
  int parent = getpid();
  int child = fork();
  if (child == 0) become_child(arguments, output, errors, held, parent);
  return child;
}

int clinux_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

int clinux_wait_for_child(int child) {
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int set_lock(int file, int64_t offset, short type, int command) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
  int result;
  do result = fcntl(file, command, &lock);
  while (result < 0 && errno == EINTR);
  return result;
}

int clinux_lock_byte(int file, int64_t offset, int waits) {
  return set_lock(file, offset, F_WRLCK, waits ? F_OFD_SETLKW : F_OFD_SETLK);
}

int clinux_unlock_byte(int file, int64_t offset) { return set_lock(file, offset, F_UNLCK, F_OFD_SETLK); }
