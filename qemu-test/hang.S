/* A PV dom0 that hangs in its first instruction, with the notes that Xen's loader wants to
 * see (xen/include/public/elfnote.h). */

#include "xen_note.h"

	.section .note.Xen, "a", @note
	note	1, .quad _start				/* ENTRY */
	note	3, .quad 0xffffffff80000000		/* VIRT_BASE */
	note	4, .quad 0xffffffff80000000		/* PADDR_OFFSET */
	note	5, .asciz "xen-3.0"			/* XEN_VERSION */
	note	6, .asciz "hang"			/* GUEST_OS */
	note	8, .asciz "generic"			/* LOADER */
	note	17, .long 1 << 11			/* SUPPORTED_FEATURES: dom0 */

	.text
	.globl	_start
_start:
	pause
	jmp	_start
