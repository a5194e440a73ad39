# Every target is one call of build/dev.py. More words for it: make test ARGS="tests/core -k cancel"
PYTHON ?= python3
ARGS ?=
TARGETS := setup run test check bench sim soak kill bundle lock

.PHONY: $(TARGETS)
$(TARGETS):
	@$(PYTHON) build/dev.py $@ $(ARGS)
