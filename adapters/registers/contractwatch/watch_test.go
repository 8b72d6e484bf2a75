package contractwatch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/registers/contractwatch"
	"ristmik/adapters/registers/record"
	"ristmik/schedules"
	"ristmik/soap/contract"
)

const (
	note    = `<xs:element name="note" type="xs:string" minOccurs="0"/>`
	noted   = note + `<xs:element name="more" type="xs:string" minOccurs="0"/>`
	manyCar = `type="xs:string" minOccurs="0" maxOccurs="unbounded"`
)

// The core is told when a verdict changes and not each time that it is found
// again; people may take note, until something else breaks.
func TestWhatChangesIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expect := func(step string, verdict contract.Verdict, told ...string) {
		t.Helper()
		if info := w.run(); info.State != schedules.StateSucceeded || info.Done != 2 || info.Total != 2 {
			t.Errorf("%s: the run %+v", step, info)
		}
		if got := w.told(); strings.Join(got, "\n") != strings.Join(told, "\n") {
			t.Errorf("%s: told %q", step, got)
		}
		if s := w.state("cars"); s.Verdict != verdict || s.Error != "" || s.LiveHash == "" || s.Seen.IsZero() {
			t.Errorf("%s: %+v", step, s)
		}
	}
	if s := w.state("cars"); s.Verdict != "" || s.Acknowledged {
		t.Errorf("before the first run: %+v", s)
	}
	expect("as pinned", contract.Same)
	w.change("/cars", note, noted)
	told := []string{"cars harmless after same: 0 of 1"}
	expect("a field more", contract.Harmless, told...)
	expect("again", contract.Harmless, told...)
	w.change("/cars", noted, noted+strings.ReplaceAll(note, "note", "third"))
	expect("another field more", contract.Harmless, told...)

	w.change("/cars", manyCar, `type="xs:string"`)
	told = append(told, "cars breaking after harmless: 1 of 4")
	expect("a list less", contract.Breaking, told...)
	since := w.state("cars").Since
	expect("again", contract.Breaking, told...)
	if s := w.state("cars"); !s.Since.Equal(since) || s.Breaking != 1 || s.Harmless != 3 || len(s.Differences) != 4 || !s.Differences[0].Breaking || s.Differences[3].Breaking {
		t.Errorf("%+v", s)
	}
	if err := contractwatch.Acknowledge(t.Context(), w.pool, "cars", "mari", "we have asked"); err != nil {
		t.Fatal(err)
	}
	expect("taken note of", contract.Breaking, told...)
	if s := w.state("cars"); !s.Acknowledged || s.AcknowledgedBy != "mari" || s.Reason != "we have asked" {
		t.Errorf("%+v", s)
	}
	w.change("/cars", `name="owner"`, `name="holder"`)
	told = append(told, "cars breaking after breaking: 3 of 6")
	expect("something else", contract.Breaking, told...)
	if s := w.state("cars"); s.Acknowledged {
		t.Error("what was not known is taken note of")
	}
	w.set("/cars", carsWSDL)
	expect("as it was", contract.Same, append(told, "cars same after breaking: 0 of 0")...)
	if err := contractwatch.Acknowledge(t.Context(), w.pool, "ships", "mari", "x"); !errors.Is(err, contractwatch.ErrUnknown) {
		t.Errorf("an unknown register: %v", err)
	}
}

// A REST register is compared by the same rules.
func TestARegisterOfRESTIsWatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.change("/boats", "length: {type: number}", "length: {type: string}")
	w.run()
	s := w.state("boats")
	if s.Verdict != contract.Breaking || len(s.Differences) != 1 || s.Differences[0].Path != "/length" || s.Differences[0].Status != "200" {
		t.Errorf("%+v", s)
	}
}

// One register that cannot be compared keeps what is known of it, says why, and
// stops no other.
func TestOneThatIsDownStopsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.set("/boats", "")
	w.change("/cars", note, noted)
	info := w.run()
	if info.State != schedules.StateFailed || !strings.Contains(info.Error, "not compared: boats;") || info.Summary["failed"] != 1 || info.Summary["harmless"] != 1 || info.Summary["events"] != 1 {
		t.Errorf("%+v", info)
	}
	if s := w.state("boats"); s.Verdict != contract.Same || s.Error == "" || !s.Tried.After(s.Seen) {
		t.Errorf("%+v", s)
	}
	if s := w.state("cars"); s.Verdict != contract.Harmless {
		t.Errorf("%+v", s)
	}
	w.set("/cars", "no WSDL")
	w.set("/boats", boatsYAML)
	if info := w.run(); info.State != schedules.StateFailed || !strings.Contains(info.Error, "not compared: cars;") {
		t.Errorf("%+v", info)
	}
	if s := w.state("cars"); s.Verdict != contract.Harmless || s.Error == "" {
		t.Errorf("%+v", s)
	}
}

// What is not offered any more is gone.
func TestAServiceThatIsNotOfferedIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cars *contractwatch.Register) {
		cars.Provider.Subsystem = "boats" // offers neither
	})
	w.run()
	s := w.state("cars")
	if s.Verdict != contract.Breaking || s.Breaking != 2 || s.Differences[0].Change != contract.OperationRemoved {
		t.Errorf("%+v", s)
	}
}

// Used is what has a table or has been called; of the others nothing breaks.
func TestOnlyWhatIsUsedBreaks(t *testing.T) {
	t.Parallel()
	lostSum := [2]string{`name="year" type="xs:int"`, `name="year" type="xs:date"`}
	lostPage := [2]string{`<xs:element name="page" type="xs:int" minOccurs="0"/>`, ``}
	for name, tc := range map[string]struct {
		table, strict bool
		called        string // the service
		change        [2]string
		want          contract.Verdict
	}{
		"nothing is known":                {change: lostSum, want: contract.Breaking},
		"another was called":              {called: "cars", change: lostSum, want: contract.Harmless},
		"it was called":                   {called: "sum", change: lostSum, want: contract.Breaking},
		"another has a table":             {table: true, change: lostSum, want: contract.Harmless},
		"another has a table, called":     {table: true, called: "sum", change: lostSum, want: contract.Breaking},
		"a field without a table":         {called: "cars", change: lostPage, want: contract.Breaking},
		"a field that the table has not":  {table: true, change: lostPage, want: contract.Harmless},
		"a field that the table has":      {table: true, change: [2]string{`name="owner"`, `name="holder"`}, want: contract.Breaking},
		"a free field that is not read":   {table: true, change: [2]string{note, ``}, want: contract.Harmless},
		"the list that is read":           {table: true, change: [2]string{`<xs:element name="car" ` + manyCar + `/>`, ``}, want: contract.Breaking},
		"a field more":                    {table: true, change: [2]string{note, noted}, want: contract.Harmless},
		"a field more, and not tolerant":  {table: true, strict: true, change: [2]string{note, noted}, want: contract.Breaking},
		"a field more of one not called":  {strict: true, called: "cars", change: [2]string{`name="year" type="xs:int"/>`, `name="year" type="xs:int"/><xs:element name="x" type="xs:int" minOccurs="0"/>`}, want: contract.Harmless},
		"a type in a schema that is here": {called: "cars", change: [2]string{`type="m:code"`, `type="m:codes"`}, want: contract.Breaking},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(cars *contractwatch.Register) {
				cars.Tolerant = !tc.strict
				if tc.table {
					cars.Tables = append(cars.Tables, carsTable(t, cars.Contract))
				}
			})
			if tc.called != "" {
				sent := record.Sent{MessageID: "m", At: time.Now(), Register: "cars", Operation: tc.called, Service: subsystem("cars").String() + "/" + tc.called + "/v1"}
				old := record.Sent{MessageID: "old", At: time.Now().Add(-48 * time.Hour), Register: "cars", Operation: "sum", Service: subsystem("cars").String() + "/sum/v1"}
				book := record.NewBook(w.pool)
				if err := errors.Join(book.Sent(sent), book.Sent(old)); err != nil {
					t.Fatal(err)
				}
			}
			w.change("/cars", tc.change[0], tc.change[1])
			w.run()
			if s := w.state("cars"); s.Verdict != tc.want {
				t.Errorf("%s instead of %s: %+v", s.Verdict, tc.want, s.Differences)
			}
		})
	}
}

// A run that its process leaves goes on in another one behind the registers that
// have been compared.
func TestARunGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arrived := make(chan struct{})
	w.meet = func(path string, gone <-chan struct{}) {
		if path == "/cars" {
			select {
			case arrived <- struct{}{}:
				<-gone
			case <-gone:
			}
		}
	}
	ticket, err := w.runner.RunNow(t.Context(), "contract-watch", "test")
	if err != nil {
		t.Fatal(err)
	}
	first, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.runner.Run(first) }()
	<-arrived // boats are done, cars are being asked
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.meet = nil
	w.mu.Unlock()
	info := w.until(w.newRunner("two"), ticket)
	if info.State != schedules.StateSucceeded || w.asked["/boats"] != 1 || w.asked["/cars"] < 2 {
		t.Errorf("%+v; asked %v", info, w.asked)
	}
	if s := w.state("cars"); s.Verdict != contract.Same {
		t.Errorf("%+v", s)
	}
}

// Once the contract is pinned anew nothing that was found of the old one is shown.
func TestAnotherContractBeginsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change("/cars", manyCar, `type="xs:string"`)
	w.run()
	folder := memory(map[string]string{"cars.wsdl": w.texts["/cars"], "more.xsd": moreXSD})
	c, err := contract.Load(folder, "cars.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	w.watch, err = contractwatch.New(w.options(contractwatch.Register{Name: "cars", Provider: subsystem("cars"), Folder: folder, Contract: c}))
	if err != nil {
		t.Fatal(err)
	}
	if s := w.state("cars"); s.Verdict != "" || s.Breaking != 0 {
		t.Errorf("before it is compared: %+v", s)
	}
	w.runner = w.newRunner("two")
	w.run()
	if s := w.state("cars"); s.Verdict != contract.Same {
		t.Errorf("%+v", s)
	}
	var boats int
	if err := w.pool.QueryRow(t.Context(), `select count(*) from contract_watch.register where register = 'boats'`).Scan(&boats); err != nil || boats != 0 {
		t.Errorf("what is not watched any more is kept: %d, %v", boats, err)
	}
}

func TestWhatCannotBeWatchedIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := contractwatch.New(contractwatch.Options{}); err == nil {
		t.Error("nothing at all")
	}
	good := contractwatch.Register{Name: "boats", REST: &contract.REST{}}
	for name, list := range map[string][]contractwatch.Register{"no contract": {{Name: "x"}}, "twice": {good, good}} {
		if _, err := contractwatch.New(w.options(list...)); err == nil {
			t.Error(name)
		}
	}
}

// Of a partner's service the hub calls some operations and never others, whatever the
// record of calls says: only those can break.
func TestOnlyWhatIsCalledOfAPartnerBreaks(t *testing.T) {
	t.Parallel()
	for only, want := range map[string]contract.Verdict{"cars": contract.Breaking, "sum": contract.Harmless} {
		w := newWorld(t, func(cars *contractwatch.Register) { cars.Only = []string{only} })
		w.change("/cars", manyCar, `type="xs:string"`) // of the answer of cars
		w.run()
		if s := w.state("cars"); s.Verdict != want {
			t.Errorf("only %s is called: %s, want %s", only, s.Verdict, want)
		}
	}
}
