package hookyard_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

// The programs in README.md compile, and their tests pass.
func TestProgramsOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(programs) < 2 {
		t.Fatalf("%d programs", len(programs))
	}
	for at, program := range programs {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			dir := t.TempDir()
			module := "module readme\n\ngo 1.24\n\nrequire hookyard v0.0.0\n\nreplace hookyard => " + sdk + "\n"
			write(t, filepath.Join(dir, "go.mod"), []byte(module))
			write(t, filepath.Join(dir, "main_test.go"), program[1])
			test := exec.Command(filepath.Join(runtime.GOROOT(), "bin", "go"), "test", "./...")
			test.Dir = dir
			if output, err := test.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, output)
			}
		})
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
