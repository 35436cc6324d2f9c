/* Modem lines for two of QEMU's serial ports: what a pty of the host lacks. Preloaded into QEMU by run.sh.
 *
 * QEMU asks the host's port for its lines (TIOCMGET) and sets them (TIOCMSET). The first two descriptors that it asks
 * about are taken for the two ends of a null-modem cable: RTS of one is CTS of the other, DTR is DSR and carrier.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/ioctl.h>

static int ends[2] = {-1, -1};
static int out[2];

static int end_of(int fd) {
  for (int i = 0; i < 2; i++) {
    if (ends[i] < 0) ends[i] = fd;
    if (ends[i] == fd) return i;
  }
  return -1;
}

int ioctl(int fd, unsigned long request, ...) {
  static int (*real)(int, unsigned long, ...);
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  if (!real) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  int i = request == TIOCMGET || request == TIOCMSET ? end_of(fd) : -1;
  if (i < 0) return real(fd, request, argument);
  int *lines = argument, other = out[1 - i];
  if (request == TIOCMSET) out[i] = *lines & (TIOCM_RTS | TIOCM_DTR);
  else *lines = out[i] | (other & TIOCM_RTS ? TIOCM_CTS : 0) | (other & TIOCM_DTR ? TIOCM_DSR | TIOCM_CAR : 0);
  return 0;
}
