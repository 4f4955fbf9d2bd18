"""Which system calls a container may make: facts about the kernel's interface, grouped by what a call touches.

The line is the one that people know from docker: everything that programs need, nothing that reaches past the
container's namespaces, with doors that open for those who were given the matching capability.
"""

from __future__ import annotations

from boxwright.values import NamedTuple


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ALLOWED = _names("""
    brk madvise memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap munlock munlockall
    munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages membarrier map_shadow_stack
    cachestat mseal

    close close_range copy_file_range creat dup dup2 dup3 fadvise64 fadvise64_64 fallocate fcntl fcntl64 fdatasync flock
    fsync ftruncate ftruncate64 ioctl _llseek lseek open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64
    pwritev pwritev2 read readahead readv sendfile sendfile64 splice sync sync_file_range syncfs tee truncate truncate64
    vmsplice write writev

    access chdir chmod chown chown32 faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat
    fstat fstat64 fstatat64 fstatfs fstatfs64 futimesat getcwd getdents getdents64 lchown lchown32 link linkat lstat
    lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat readlink readlinkat rename renameat renameat2 rmdir
    stat stat64 statfs statfs64 statx symlink symlinkat umask unlink unlinkat utime utimensat utimensat_time64 utimes
    statmount listmount

    fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
    lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat

    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
    io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect poll ppoll ppoll_time64 pselect6
    pselect6_time64 select

    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg
    send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair

    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget

    execve execveat exit exit_group fork getcpu getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid
    gettid ioprio_get ioprio_set pidfd_open pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace
    restart_syscall rseq sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield set_robust_list get_robust_list set_thread_area get_thread_area set_tid_address
    setpgid setpriority setrlimit setsid sysinfo times ugetrlimit uname vfork wait4 waitid waitpid

    futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake

    capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
    getresuid getresuid32 getuid getuid32 landlock_add_rule landlock_create_ruleset landlock_restrict_self
    lsm_get_self_attr lsm_list_modules lsm_set_self_attr seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid
    setuid32

    kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask
    sigreturn sigsuspend tgkill tkill

    adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64

    getrandom
""")
"""For everybody."""

BY_ARCHITECTURE = {
    "amd64": _names("arch_prctl modify_ldt uretprobe"),
    "386": _names("modify_ldt"),
    "arm": _names("arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"),
    "arm64": _names("arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"),
    "ppc64le": _names("sync_file_range2 swapcontext"),
    "riscv64": _names("riscv_flush_icache riscv_hwprobe"),
    "s390x": _names("s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"),
}

BY_CAPABILITY = {
    "CAP_BPF": _names("bpf"),
    "CAP_DAC_READ_SEARCH": _names("open_by_handle_at"),
    "CAP_PERFMON": _names("perf_event_open"),
    "CAP_SYSLOG": _names("syslog"),
    "CAP_SYS_ADMIN": _names("""
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount
        open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare
    """),
    "CAP_SYS_BOOT": _names("reboot"),
    "CAP_SYS_CHROOT": _names("chroot"),
    "CAP_SYS_MODULE": _names("delete_module finit_module init_module"),
    "CAP_SYS_NICE": _names("get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    "CAP_SYS_PACCT": _names("acct"),
    "CAP_SYS_PTRACE": _names("kcmp pidfd_getfd process_madvise"),
    "CAP_SYS_RAWIO": _names("ioperm iopl"),
    "CAP_SYS_TIME": _names("clock_settime clock_settime64 settimeofday stime"),
    "CAP_SYS_TTY_CONFIG": _names("vhangup"),
}

REFUSED = _names("""
    add_key keyctl request_key userfaultfd io_uring_enter io_uring_register io_uring_setup
    kexec_file_load kexec_load migrate_pages move_pages nfsservctl pivot_root swapoff swapon sysfs uselib ustat vm86
    vm86old create_module get_kernel_syms query_module _sysctl
""")
"""Known, and for nobody: they answer "not permitted". A call that no list names answers "not implemented", so that a
C library that is younger than this table takes its older way."""


class Comparison(NamedTuple):
    """A condition on the argument in that place; with "MASKED_EQ" the bits of `value` have to equal `masked`."""

    place: int
    value: int
    operator: str
    masked: int = 0


# The bits of clone(2) that ask for new namespaces: CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}.
NEW_NAMESPACES = 0x7E020000
# Values of personality(2): Linux, and its variants with 32-bit uname or addresses below 3 GB; -1 only asks.
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
# A socket to the host, past every namespace.
AF_VSOCK = 40

ARCHITECTURES = {
    "amd64": ("X86_64", "X86", "X32"),
    "386": ("X86",),
    "arm64": ("AARCH64", "ARM"),
    "arm": ("ARM",),
    "ppc64le": ("PPC64LE",),
    "riscv64": ("RISCV64",),
    "s390x": ("S390X", "S390"),
}
"""What a filter on a machine covers: its own architecture first, then those that it runs too."""
