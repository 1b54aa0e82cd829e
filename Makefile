# The targets of build.sh, for those who type make. The dependency graph is in
# the recipes' `depends`; lib/build.sh writes the Makefile that builds it.

COMMANDS = run test bench verify fetch sources outdated accept lint clean help

.PHONY: all $(COMMANDS)

all:
	+./build.sh

$(COMMANDS):
	+./build.sh $@
