package templates

import (
	"strings"
	"testing"

	"github.com/spf13/viper"
)

func TestAValueIsSetInItsOwnTableOnly(t *testing.T) {
	file, err := Set(Config, "p2p.laddr", `"tcp://127.0.0.1:1"`)
	if err != nil {
		t.Fatal(err)
	}
	if file, err = Set(file, "moniker", `"one"`); err != nil {
		t.Fatal(err)
	}
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"p2p.laddr": "tcp://127.0.0.1:1", "moniker": "one", "rpc.laddr": "tcp://127.0.0.1:26657",
	} {
		if got := v.GetString(key); got != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
}

func TestAKeyThatIsNotThereIsRefused(t *testing.T) {
	for _, key := range []string{"laddr", "p2p.moniker", "nothing.at_all"} {
		if _, err := Set(Config, key, "1"); err == nil {
			t.Errorf("%s was set", key)
		}
	}
}
