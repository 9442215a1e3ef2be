# SPDX-License-Identifier: MIT
# make study-mixing: what mixing in the loss buys, written into client/examples/mixing.

STUDY := $(B)/study/mixing
STUDY_SRC := $(wildcard tests/study/*.c)
$(STUDY): $(STUDY_SRC:%.c=$(B)/obj/%.o) $(EXACT_LIB) $(NUMERICS_LIB) $(HTML_LIB) $(BASE_LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(EXACT_LIBS)

.PHONY: study-mixing
study-mixing: $(STUDY)
	@mkdir -p client/examples/mixing
	OPENBLAS_NUM_THREADS=1 $(STUDY) $(B)/study/mixing.json \
		$(addprefix client/examples/mixing/,mixing.svg W.npy)
