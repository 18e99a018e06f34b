// SPDX-License-Identifier: GPL-2.0-only
/*
 * nyx-vmm: a 16550A at 0x3f8, IRQ 4: the console.
 *
 * Copyright (C) 2026 The Nyx authors
 *
 * Bytes of the guest go to standard output at once; the transmitter is always empty. The
 * main loop reads standard input as fast as the guest takes it. On a terminal, Ctrl-A x ends
 * the machine and Ctrl-A a sends a Ctrl-A.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "vmm.h"

#define SERIAL_BASE	0x3f8
#define FIFO_SIZE	16
#define ESCAPE		1	/* Ctrl-A */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	bool overrun;
	bool thre_pending;		/* the guest has not read "transmitter empty" from IIR */
	uint8_t rx[FIFO_SIZE];
	unsigned int rx_head, rx_nr;
	bool paused;			/* the FIFO was full: standard input waits */
} uart;					/* @lock */

/* Main thread */
static struct termios saved;
static bool raw, escaped;
static int input_fd = -1;

/* Called with @lock held: the highest pending interrupt, as IIR tells it. */
static uint8_t pending(void)
{
	if (uart.ier & UART_IER_RLSI && uart.overrun)
		return UART_IIR_RLSI;
	if (uart.ier & UART_IER_RDI && uart.rx_nr)
		return UART_IIR_RDI;
	if (uart.ier & UART_IER_THRI && uart.thre_pending)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update(struct vmm *vmm)
{
	ioapic_set(vmm, PIN_SERIAL, 0,
		   pending() != UART_IIR_NO_INT && uart.mcr & UART_MCR_OUT2);
}

static void receive(uint8_t byte)
{
	if (uart.rx_nr == FIFO_SIZE) {
		uart.overrun = true;
		return;
	}
	uart.rx[(uart.rx_head + uart.rx_nr++) % FIFO_SIZE] = byte;
}

static uint8_t take(void)
{
	uint8_t byte;

	if (!uart.rx_nr)
		return 0;
	byte = uart.rx[uart.rx_head];
	uart.rx_head = (uart.rx_head + 1) % FIFO_SIZE;
	uart.rx_nr--;
	return byte;
}

/* Called with @lock held: a byte that is written to UART_TX leaves the machine. */
static bool transmits(void)
{
	return !(uart.lcr & UART_LCR_DLAB) && !(uart.mcr & UART_MCR_LOOP);
}

/*
 * Send a byte. Waits, at most until the machine ends, without @lock, which the main thread
 * takes. A signal may also be an interrupt for this CPU. On other errors the byte is
 * dropped.
 */
static void transmit(struct vmm *vmm, uint8_t byte)
{
	while (write(STDOUT_FILENO, &byte, 1) < 0 && errno == EINTR && !vmm_stopping(vmm))
		;
}

static uint8_t modem_status(void)
{
	uint8_t msr = 0;

	if (!(uart.mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (uart.mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (uart.mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (uart.mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (uart.mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint8_t reg_read(uint64_t offset)
{
	uint8_t value;

	switch (offset) {
	case UART_RX:
		return uart.lcr & UART_LCR_DLAB ? uart.dll : take();
	case UART_IER:
		return uart.lcr & UART_LCR_DLAB ? uart.dlm : uart.ier;
	case UART_IIR:
		value = pending();
		if (value == UART_IIR_THRI)
			uart.thre_pending = false;
		return value | (uart.fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
	case UART_LCR:
		return uart.lcr;
	case UART_MCR:
		return uart.mcr;
	case UART_LSR:
		value = UART_LSR_TEMT | UART_LSR_THRE;
		if (uart.rx_nr)
			value |= UART_LSR_DR;
		if (uart.overrun)
			value |= UART_LSR_OE;
		uart.overrun = false;
		return value;
	case UART_MSR:
		return modem_status();
	default:
		return uart.scr;
	}
}

static void reg_write(uint64_t offset, uint8_t value)
{
	switch (offset) {
	case UART_TX:
		if (uart.lcr & UART_LCR_DLAB) {
			uart.dll = value;
			break;
		}
		if (uart.mcr & UART_MCR_LOOP)
			receive(value);
		uart.thre_pending = true;
		break;
	case UART_IER:
		if (uart.lcr & UART_LCR_DLAB) {
			uart.dlm = value;
			break;
		}
		/*
		 * Enabling the interrupt while the transmitter is empty raises it: drivers
		 * rely on that.
		 */
		if (value & ~uart.ier & UART_IER_THRI)
			uart.thre_pending = true;
		uart.ier = value & 0xf;
		break;
	case UART_FCR:
		uart.fcr = value;
		if (value & UART_FCR_CLEAR_RCVR)
			uart.rx_nr = 0;
		break;
	case UART_LCR:
		uart.lcr = value;
		break;
	case UART_MCR:
		uart.mcr = value & 0x1f;
		break;
	case UART_SCR:
		uart.scr = value;
		break;
	}
}

/* Called with @lock held, after each access. */
static void accessed(struct vmm *vmm)
{
	update(vmm);
	if (uart.paused && uart.rx_nr < FIFO_SIZE) {
		uart.paused = false;
		loop_pause(input_fd, false);
	}
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint8_t value;

	(void)len;
	pthread_mutex_lock(&lock);
	value = reg_read(offset);
	accessed(opaque);
	pthread_mutex_unlock(&lock);
	return value;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned int len)
{
	bool out;

	(void)len;
	pthread_mutex_lock(&lock);
	out = offset == UART_TX && transmits();
	reg_write(offset, (uint8_t)value);
	accessed(opaque);
	pthread_mutex_unlock(&lock);
	if (out)
		transmit(opaque, (uint8_t)value);
}

/* True if the byte is a command for nyx-vmm. */
static bool is_command(struct vmm *vmm, uint8_t byte)
{
	if (!raw)
		return false;
	if (escaped) {
		escaped = false;
		if (byte == 'x')
			vmm_stop(vmm, STATUS_POWEROFF);
		return byte != 'a' && byte != ESCAPE;
	}
	escaped = byte == ESCAPE;
	return escaped;
}

/* Main thread */
static void input(void *opaque, int fd)
{
	struct vmm *vmm = opaque;
	uint8_t bytes[FIFO_SIZE];
	unsigned int room;
	ssize_t got, i;

	pthread_mutex_lock(&lock);
	room = FIFO_SIZE - uart.rx_nr;
	if (!room) {
		uart.paused = true;
		loop_pause(fd, true);
	}
	pthread_mutex_unlock(&lock);
	if (!room)
		return;
	got = read(fd, bytes, room);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		loop_remove(fd);
		return;
	}
	pthread_mutex_lock(&lock);
	for (i = 0; i < got; i++) {
		if (!is_command(vmm, bytes[i]))
			receive(bytes[i]);
	}
	update(vmm);
	pthread_mutex_unlock(&lock);
}

static const struct io_ops ops = { port_read, port_write };

int serial_init(struct vmm *vmm)
{
	struct termios wanted;
	int rc;

	memset(&uart, 0, sizeof(uart));
	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &saved)) {
		wanted = saved;
		cfmakeraw(&wanted);
		wanted.c_oflag |= OPOST | ONLCR;
		raw = !tcsetattr(STDIN_FILENO, TCSANOW, &wanted);
	}
	rc = io_add(vmm, IO_PORT, SERIAL_BASE, 8, &ops, vmm);
	if (rc)
		return rc;
	/* Do not block in read(2): another reader may take the input that poll() has reported. */
	input_fd = open_anew(STDIN_FILENO, O_RDONLY);
	if (input_fd < 0)
		input_fd = STDIN_FILENO;
	return loop_add(input_fd, input, vmm);
}

void serial_exit(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	raw = false;
	if (input_fd > STDIN_FILENO)
		close(input_fd);
	input_fd = -1;
}
