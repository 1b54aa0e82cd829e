# The targets of build.sh, for those who type make. The dependency graph is in
# the recipes' `depends`; lib/engine/build.sh writes the Makefile that builds it.
#
#   make OPTIONS="--domains DIR" run    what stands before the command
#   make package ARGS="zlib less"       and what after it
#   make test ARGS=--all

COMMANDS = run test smoke bench verify fetch sources outdated bump security package keys sign accept lint clean help
OPTIONS =
ARGS =

.PHONY: all $(COMMANDS)

all:
	+./build.sh $(OPTIONS)

$(COMMANDS):
	+./build.sh $(OPTIONS) $@ $(ARGS)
