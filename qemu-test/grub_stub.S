/* A multiboot2 kernel in the place of Xen: prints its options, and of each module the
 * first line and the options, to the serial port, and ends QEMU (isa-debug-exit). */

	.set	MAGIC, 0xe85250d6
	.set	PORT, 0x3f8

	.section .multiboot, "a"
	.balign	8
header:	.long	MAGIC, 0, header_end - header, -(MAGIC + (header_end - header))
	.short	0, 0
	.long	8
header_end:

	.text
	.code32
	.globl	_start
_start:
	movl	$stack, %esp
	leal	8(%ebx), %esi			/* the first tag of the boot information */
tag:	movl	(%esi), %eax
	testl	%eax, %eax
	jz	done
	cmpl	$1, %eax			/* the kernel's options */
	je	kernel
	cmpl	$3, %eax			/* a module */
	je	module
next:	movl	4(%esi), %eax
	addl	$7, %eax
	andl	$-8, %eax
	addl	%eax, %esi
	jmp	tag

kernel:	call	newline
	movl	$kernel_text, %edi
	call	print
	leal	8(%esi), %edi
	call	print
	call	newline
	jmp	next

module:	movl	$module_text, %edi
	call	print
	movl	8(%esi), %edi			/* its first byte */
	call	print
	movl	$options_text, %edi
	call	print
	leal	16(%esi), %edi
	call	print
	call	newline
	jmp	next

done:	movl	$end_text, %edi
	call	print
	call	newline
	movw	$0xf4, %dx
	xorl	%eax, %eax
	outl	%eax, %dx
	hlt

/* print: the text at edi, up to a NUL or the end of its line. */
print:	movb	(%edi), %cl
	testb	%cl, %cl
	jz	1f
	cmpb	$'\n', %cl
	je	1f
	call	put
	incl	%edi
	jmp	print
1:	ret

newline:
	movb	$'\r', %cl
	call	put
	movb	$'\n', %cl

/* put: the byte in cl, once the port takes it. */
put:	movw	$(PORT + 5), %dx
1:	inb	%dx, %al
	testb	$0x20, %al
	jz	1b
	movw	$PORT, %dx
	movb	%cl, %al
	outb	%al, %dx
	ret

	.data
kernel_text:	.asciz	"STUB "
module_text:	.asciz	"MODULE "
options_text:	.asciz	" OPTIONS "
end_text:	.asciz	"STUB ENDS"

	.bss
	.space	4096
stack:
