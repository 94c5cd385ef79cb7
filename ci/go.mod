module arcbox.dev/ci

go 1.26.0
