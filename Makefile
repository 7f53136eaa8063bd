# Short names for what ./test.sh and go do. `make check` before a commit; `make all` is what CI runs.
.PHONY: all check build format test race lint fuzz cross emulators interop bench compare size cover stress soak clean

FUZZTIME ?= 1m
COUNT ?= 20

all:
	./test.sh

check:
	./test.sh tools format vet staticcheck lint unit

build:
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/ ./cmd/...

format:
	./test.sh tools >/dev/null
	git ls-files --cached --others --exclude-standard '*.go' | xargs .cache/bin/gofumpt -w

test:
	go test ./...

race lint cross emulators interop:
	./test.sh $@

fuzz:
	FUZZTIME=$(FUZZTIME) ./test.sh fuzz

# The tests that race, again and again: make stress COUNT=100 PKG=./txlog/...
PKG ?= ./txlog/... ./delta/... ./conformance/...
stress:
	go test -race -count=$(COUNT) -failfast -timeout 2h $(PKG)

# Random histories under faults for as long as TIME says: make soak TIME=1h SEED=1000000. Counts go to
# .cache/soak.json once a minute, histories that fail to .cache/failures.
TIME ?= 1h
SEED ?= 1
soak:
	mkdir -p .cache
	DELTALOG_SOAK=$(TIME) DELTALOG_SEED=$(SEED) DELTALOG_SOAK_REPORT=$(CURDIR)/.cache/soak.json DELTALOG_ARTEFACTS=$(CURDIR)/.cache/failures \
		go test ./conformance/sim -run 'TestSoak$$' -count=1 -timeout 0 -v

# Rewrites docs/benchmarks.md: our numbers and delta-rs's, in turn, on this machine. Takes about half an hour.
bench:
	conformance/bench/run.sh

# Rewrites docs/conformance-engines.md: which engine passes which scenario, ours, delta-rs and Spark.
compare:
	bash conformance/compare/run.sh

size:
	go test -count=1 -v -run Size ./internal/repolint

cover:
	go test -coverprofile=.cache/cover.out ./... && go tool cover -func=.cache/cover.out | tail -n 1

clean:
	rm -rf bin .cache conformance/interop/.venv conformance/interop/jars
