/* SPDX-License-Identifier: MIT */
/* Bytes that numpy.save wrote (NumPy 2.4), for the tests of reading and of byte-exact writing. */
#ifndef PBIT_TESTS_NPY_FIXTURE_H
#define PBIT_TESTS_NPY_FIXTURE_H

static const char npy_u8[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   "
	"                                                       \n\x00\x01\x02\xfd\xfe\xff";
static const char npy_i8[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '|i1', 'fortran_order': False, 'shape': (5,), }     "
	"                                                       \n\x80\xff\x00\x01\x7f";
static const char npy_i16[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<i2', 'fortran_order': False, 'shape': (2, 1), }   "
	"                                                       \n\x00\x80\xff\x7f";
static const char npy_i32[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1, 2), }"
	"                                                       \n\x00\x00\x00\x80\xff\xff"
	"\xff\x7f";
static const char npy_i64[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': (), }       "
	"                                                       \n\xff\xff\xff\xff\xff\xff"
	"\xdf\xff";
static const char npy_f32[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1, 2)"
	", }                                                    \n\x00\x00\xc0\x3f\x00\x00"
	"\x80\xbe\xe6\xb1\x61\x7f\x01\x00\x00\x00";
static const char npy_f64[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }     "
	"                                                       \n\x18-DT\xfb!\x09@\x00\x00"
	"\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\xf0\x7f";
static const char npy_bool[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '|b1', 'fortran_order': False, 'shape': (1, 3), }   "
	"                                                       \n\x01\x00\x01";
static const char npy_empty[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }   "
	"                                                       \n";

/* Versions 2.0 and 3.0 of arange(3) as int32. */
static const char npy_v2[] =
	"\x93NUMPY\x02\x00t\x00\x00\x00{'descr': '<i4', 'fortran_order': False, 'shape': (3,)"
	", }                                                          \n\x00\x00\x00\x00\x01"
	"\x00\x00\x00\x02\x00\x00\x00";
static const char npy_v3[] =
	"\x93NUMPY\x03\x00t\x00\x00\x00{'descr': '<i4', 'fortran_order': False, 'shape': (3,)"
	", }                                                          \n\x00\x00\x00\x00\x01"
	"\x00\x00\x00\x02\x00\x00\x00";

/* What is to be refused: Fortran order, big-endian, and types that are no numbers here. */
static const char npy_fortran[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }    "
	"                                                       \n\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x08@\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00"
	"\x00\x00\x00\x10@\x00\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x14@";
static const char npy_big_endian[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }     "
	"                                                       \n\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x3f\xf0\x00\x00\x00\x00\x00\x00";
static const char npy_object[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }      "
	"                                                       \n\x80\x04\x95\x8a\x00\x00"
	"\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93"
	"\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94\x43\x01\x62\x94\x87"
	"\x94R\x94(K\x01K\x01\x85\x94h\x03\x8c\x05\x64type\x94\x93\x94\x8c\x02O8\x94\x89\x88"
	"\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ft\x94\x62"
	"\x89]\x94Nat\x94\x62.";
static const char npy_complex[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }    "
	"                                                       \n\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f";
static const char npy_string[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }     "
	"                                                       \na\x00\x00\x00\x62\x00\x00"
	"\x00";
static const char npy_bytes[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '|S2', 'fortran_order': False, 'shape': (1,), }     "
	"                                                       \nab";
static const char npy_record[] =
	"\x93NUMPY\x01\x00v\x00{'descr': [('a', '<i4'), ('b', '<f8')], 'fortran_order': False"
	", 'shape': (1,), }                                     \n\x01\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00@";
static const char npy_half[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }     "
	"                                                       \n\x00<";
static const char npy_u64[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }     "
	"                                                       \n\x01\x00\x00\x00\x00\x00"
	"\x00\x00";
static const char npy_date[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '<M8[D]', 'fortran_order': False, 'shape': (1,), }  "
	"                                                       \nVG\x00\x00\x00\x00\x00\x00";
static const char npy_five_d[] =
	"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1,"
	" 1), }                                                 \n\x00";

#endif
