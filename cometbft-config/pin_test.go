package cometbftconfig

import (
	"os/exec"
	"strings"
	"testing"
)

func TestThePinIsTheVersionThatThisModuleRequires(t *testing.T) {
	version, sum, err := Pin()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.Sum}}", Upstream).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(string(out)); version+" "+sum != want {
		t.Fatalf("pinned %s %s, go says %s", version, sum, want)
	}
	if !strings.HasPrefix(version, "v0.40.") {
		t.Fatalf("%s is not a 0.40 release", version)
	}
}

func TestAnAmbiguousOrMissingPinIsAnError(t *testing.T) {
	if _, err := field("require example.com/other v1\n", Upstream); err == nil {
		t.Error("a missing requirement was accepted")
	}
	twice := "require (\n\t" + Upstream + " v1\n\t" + Upstream + " v2\n)\n"
	if _, err := field(twice, Upstream); err == nil {
		t.Error("two requirements were accepted")
	}
}
