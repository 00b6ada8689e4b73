# Each line is a command that one could type.
GO ?= go

.PHONY: build test lint e2e bench fuzz demo

build:
	$(GO) build -trimpath -o bin/lockstep ./cmd/lockstep

# -race needs a C compiler; without one the tests run all the same.
test:
	@if $(GO) env CGO_ENABLED | grep -q 1 && command -v "$$($(GO) env CC)" >/dev/null 2>&1; then \
		echo "$(GO) test -race -timeout 20m ./..."; $(GO) test -race -timeout 20m ./...; \
	else \
		echo "$(GO) test ./...   (no C compiler: without -race)"; $(GO) test ./...; \
	fi

lint:
	@out="$$(gofmt -l .)"; if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi; echo "gofmt: clean"
	$(GO) vet ./...
	$(GO) vet -tags e2e ./...
	$(GO) tool staticcheck ./...
	@echo "staticcheck: clean"
	@$(GO) mod verify >/dev/null && echo "go.sum: verified"
	@$(GO) tool govulncheck ./... > govulncheck.log 2>&1; code=$$?; \
	if [ $$code -eq 0 ]; then echo "govulncheck: clean"; \
	elif grep -qi "dial tcp\|no such host\|connection refused\|timeout\|Forbidden\|fetching vulnerabilities\|proxyconnect" govulncheck.log; then echo "govulncheck: its database can't be reached from here; not run"; \
	else cat govulncheck.log; rm -f govulncheck.log; exit $$code; fi; rm -f govulncheck.log

# Real peer clients and a real browser against the sandbox; installs what it needs.
e2e:
	$(GO) test -tags e2e -count=1 -timeout 15m ./cmd/lockstep/e2e/...

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

FUZZTIME ?= 1m
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

demo: build
	./bin/lockstep demo
