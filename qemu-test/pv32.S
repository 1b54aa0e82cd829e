/* A 32-bit PV guest that powers itself off: a hypercall in the 32-bit way (interrupt
 * 0x82, arguments in ebx and ecx), and the notes that Xen's loader wants to see
 * (xen/include/public/elfnote.h). */

#include "xen_note.h"

	.section .note.Xen, "a", @note
	note	1, .long _start			/* ENTRY */
	note	3, .long 0xc0000000		/* VIRT_BASE */
	note	4, .long 0xc0000000		/* PADDR_OFFSET */
	note	5, .asciz "xen-3.0"		/* XEN_VERSION */
	note	6, .asciz "pv32"		/* GUEST_OS */
	note	8, .asciz "generic"		/* LOADER */
	note	9, .asciz "yes"			/* PAE_MODE */

	.text
	.code32
	.globl	_start
_start:
	movl	$29, %eax			/* sched_op */
	movl	$2, %ebx			/* SCHEDOP_shutdown */
	movl	$reason, %ecx
	int	$0x82
	ud2					/* not reached */

	.data
reason:	.long	0				/* SHUTDOWN_poweroff */
