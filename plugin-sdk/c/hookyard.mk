# Builds a plugin. Its Makefile has one line, `include sdk/hookyard.mk`. Its folder has:
#   src/*.c    the plugin           make         → dist/NAME.wasm, NAME is the folder's name
#   test/*.c   its tests            make test    runs them natively, with the system's compiler
#   generated  the typed handlers of the packages in wit, which `hookyard plugin build` generates
# Settings before the include: NAME, SOURCES, TESTS, CFLAGS (for plugin and tests). The environment does not set them:
# there, the same names have other meanings.
SDK := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
HY_IS_UNSET = $(filter undefined default environment,$(origin $(1)))
ifneq ($(call HY_IS_UNSET,NAME),)
# Not `notdir`, which takes the words of a path with spaces for several paths.
NAME := $(lastword $(subst /, ,$(CURDIR)))
endif
ifneq ($(call HY_IS_UNSET,SOURCES),)
SOURCES := $(wildcard src/*.c)
endif
ifneq ($(call HY_IS_UNSET,TESTS),)
TESTS := $(wildcard test/*.c)
endif
ifneq ($(call HY_IS_UNSET,CFLAGS),)
CFLAGS :=
endif
MAKEFLAGS += --no-builtin-rules
ifeq ($(findstring jobserver,$(MAKEFLAGS)),)
MAKEFLAGS += --jobs=$(shell getconf _NPROCESSORS_ONLN)
endif

HY_HEADERS := $(wildcard $(SDK)/include/*.h $(SDK)/include/hookyard/*.h $(SDK)/libc/*.h $(SDK)/bindings/*.h \
  $(SDK)/src/*.h $(SDK)/src/*/*.h $(SDK)/generated/*.h $(SDK)/generated/*/*.h)
HY_GENERATED := $(wildcard generated/*.c generated/*/*.c)
HY_COMMON := $(wildcard $(SDK)/src/*.c $(SDK)/generated/*.c $(SDK)/generated/*/*.c)
HY_WASM := $(HY_COMMON) $(wildcard $(SDK)/src/wasm/*.c $(SDK)/bindings/*.c $(SDK)/bindings/*.s)
HY_NATIVE := $(HY_COMMON) $(wildcard $(SDK)/src/native/*.c)
# The bindings convert pointers between types of the same layout, and check the layout.
HY_FLAGS := -std=c11 -Wall -Wextra -I$(SDK)/include -iquote generated -iquote $(SDK)/generated -fno-strict-aliasing

.PHONY: all test clean
all: dist/$(NAME).wasm

# ---- The plugin

# One object per file of the SDK, and per generated handler. The linker takes only the objects that the plugin needs.
HY_LIBRARY := $(patsubst %,build/wasm/%.o,$(HY_GENERATED)) $(patsubst $(SDK)/%,build/wasm/sdk/%.o,$(HY_WASM))
HY_OBJECTS := $(patsubst %,build/wasm/%.o,$(SOURCES))
# Each function and variable has its own section, so the linker can omit unused ones. With -mbulk-memory,
# copying is one instruction.
HY_WASM_FLAGS := $(HY_FLAGS) -Os -mbulk-memory -nostdlibinc -isystem $(SDK)/libc -ffunction-sections -fdata-sections
# The host resets memory after every call, so the stack is small. It grows down to address 0, so a stack
# overflow is a trap and does not overwrite data.
HY_LINK_FLAGS := --no-entry --gc-sections --stack-first -z stack-size=65536

# Caches the found compiler. `make clean` deletes the cache.
ifneq ($(filter-out test clean check%,$(or $(MAKECMDGOALS),all)),)
include build/toolchain.mk
endif
build/toolchain.mk: $(SDK)/toolchain
	@mkdir -p $(@D)
	@$< >$@.new && mv $@.new $@

dist/$(NAME).wasm: $(HY_OBJECTS) $(HY_LIBRARY)
	@mkdir -p $(@D)
	@$(WASM_LD) $(HY_LINK_FLAGS) $(HY_OBJECTS) --start-lib $(HY_LIBRARY) --end-lib -o build/$(@F)
	@mv build/$(@F) $@
	@echo "built $@ ($$(wc -c <$@) bytes)"

# The author's code has line numbers: a trap is reported with its function and line.
build/wasm/%.c.o: %.c $(HY_HEADERS) build/toolchain.mk
	@mkdir -p $(@D)
	@$(WASM_CC) $(HY_WASM_FLAGS) -gline-tables-only -fdebug-compilation-dir=. $(CFLAGS) -MMD -MP -c $< -o $@

# The bindings do not initialize the value of an option that is none. This flag zeroes it, so an absent
# string or list is empty.
build/wasm/sdk/%.c.o: $(SDK)/%.c $(HY_HEADERS) build/toolchain.mk
	@mkdir -p $(@D)
	@$(WASM_CC) $(HY_WASM_FLAGS) -fno-builtin -ftrivial-auto-var-init=zero -c $< -o $@

build/wasm/sdk/%.s.o: $(SDK)/%.s build/toolchain.mk
	@mkdir -p $(@D)
	@$(WASM_CC) -c $< -o $@

# ---- Its tests

HY_TEST_OBJECTS := $(patsubst %,build/native/%.o,$(SOURCES) $(TESTS))
HY_TEST_LIBRARY := $(patsubst %,build/native/%.o,$(HY_GENERATED)) $(patsubst $(SDK)/%,build/native/sdk/%.o,$(HY_NATIVE))
# Memory errors fail the test, if the compiler has sanitizers.
HY_SANITIZE = $(eval HY_SANITIZE := $$(shell echo 'int main(void){return 0;}' | $(CC) -x c - -fsanitize=address,undefined \
  -o /dev/null 2>/dev/null && echo -fsanitize=address,undefined -fno-sanitize-recover))$(HY_SANITIZE)

test: build/native/tests
	@$<

build/native/tests: $(HY_TEST_OBJECTS) build/native/library.a
	@$(CC) $(HY_SANITIZE) $^ -o $@

# An archive, so that handlers that the plugin does not define are left out. Some of its files have the same name.
build/native/library.a: $(HY_TEST_LIBRARY)
	@rm -f $@
	@$(AR) qcs $@ $^

build/native/%.c.o: %.c $(HY_HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(HY_FLAGS) $(HY_SANITIZE) -g $(CFLAGS) -MMD -MP -c $< -o $@

build/native/sdk/%.c.o: $(SDK)/%.c $(HY_HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(HY_FLAGS) $(HY_SANITIZE) -g -c $< -o $@

clean:
	rm -rf build dist

-include $(HY_OBJECTS:.o=.d) $(HY_TEST_OBJECTS:.o=.d) $(HY_GENERATED:%=build/wasm/%.d) $(HY_GENERATED:%=build/native/%.d)
