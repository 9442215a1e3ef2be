/* SPDX-License-Identifier: MIT */
/* Grey pictures: PNG by libpng, and half blocks for a terminal. */
#ifndef PBIT_BASE_PNG_WRITE_H
#define PBIT_BASE_PNG_WRITE_H

#include <stdio.h>

#include "err.h"

/* 8-bit grey, row major, width x height; zoom repeats each pixel zoom times both ways. */
int png_encode_grey(const uint8_t *pixels, unsigned int width, unsigned int height,
		    unsigned int zoom, void **ret_buf, size_t *ret_size, struct err *e);

/* Reads an 8-bit grey PNG that png_encode_grey wrote, and undoes zoom. */
int png_decode_grey(const void *buf, size_t size, unsigned int zoom, uint8_t **ret_pixels,
		    unsigned int *ret_width, unsigned int *ret_height, struct err *e);

/* Two pixel rows a text line with UTF-8 half blocks, in 24-step grey (256-colour SGR) when colour. */
void term_draw_grey(FILE *f, const uint8_t *pixels, unsigned int width, unsigned int height,
		    bool colour);

#endif
