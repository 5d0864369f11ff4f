"""Runs a command to which the system refuses calls: refuse.py ERRNO CALL[:ARGUMENT=VALUE],... COMMAND..."""
import ctypes, errno, os, platform, struct, sys

NUMBERS = {  # of x64 and arm64
    'recvmmsg': (299, 243), 'sendmmsg': (307, 269), 'epoll_wait': (232, 22), 'sched_setattr': (314, 274),
    'setsockopt': (54, 208), 'writev': (20, 66), 'ioctl': (16, 29),
}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7fff0000, 0x00050000

error, calls, command = sys.argv[1], sys.argv[2], sys.argv[3:]
machine = ('x86_64', 'aarch64').index(platform.machine())
program = []
for call in calls.split(','):
    name, _, condition = call.partition(':')
    program.append((LOAD, 0, 0, 0))  # struct seccomp_data: the number
    program.append((EQUAL, 0, 3 if condition else 1, NUMBERS[name][machine]))
    if condition:
        argument, value = (int(part) for part in condition.split('='))
        program.append((LOAD, 0, 0, 16 + 8 * argument))
        program.append((EQUAL, 0, 1, value))
    program.append((RETURN, 0, 0, REFUSE | getattr(errno, error)))
program.append((RETURN, 0, 0, ALLOW))

code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *one) for one in program))
header = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(program), ctypes.addressof(code)))
prctl = ctypes.CDLL(None, use_errno=True).prctl
for arguments in ((38, 1, 0, 0, 0), (22, 2, ctypes.addressof(header), 0, 0)):  # NO_NEW_PRIVS, SECCOMP
    if prctl(*(ctypes.c_ulong(one) for one in arguments)) != 0:
        sys.exit(f'prctl: {os.strerror(ctypes.get_errno())}')
os.execvp(command[0], command)
