/* A note that Xen's loader wants to see (xen/include/public/elfnote.h). */
	.macro	note type, desc:vararg
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\desc
2:	.balign	4
	.endm
