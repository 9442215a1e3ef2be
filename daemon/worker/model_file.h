/* SPDX-License-Identifier: MIT */
/*
 * Models on disk, as safetensors. What a train job writes and a sample job reads:
 *
 *	couplings	(U, n, m) int8 or int16, device format; real J = scale[u] * integer
 *	codes		(U, k) float64; layer.L.weight (out, in), layer.L.bias (out): g_phi
 *	metadata	format "pbit-rbm-1", scale (JSON array, one a code), beta, bits, clamped
 *			"v0 h0": the first p-bit of each side is a reference spin held at +1
 */
#ifndef PBIT_WORKER_MODEL_FILE_H
#define PBIT_WORKER_MODEL_FILE_H

#include "array.h"
#include "couplings.h"
#include "mlp.h"

/* net and codes may be NULL: couplings alone. Bytes of a file; free() them. */
int model_encode(const struct couplings *c, const struct mlp *net, const double *phi,
		 const double *codes, void **ret_buf, size_t *ret_size, struct err *e);

/* One RBM in device format. */
struct rbm_file {
	size_t n, m;
	int16_t *q; /* [n * m] */
	double scale;
	bool clamped; /* reference spins v_0, h_0 */
	size_t codes; /* that the file has; 1 of a plain W */
};

void rbm_file_free(struct rbm_file *f);

/* The couplings of one code; name is for messages. */
int model_read(int fd, const char *name, unsigned int code, struct rbm_file *ret, struct err *e);

/*
 * Of a plain W: (n, m). Integers are taken as they are, with the given scale or 1; floats are
 * quantised with the given scale or, 0, the smallest that fits.
 */
int model_from_array(const struct array *W, const char *name, unsigned int bits, double scale,
		     struct rbm_file *ret, struct err *e);

#endif
