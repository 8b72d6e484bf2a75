package console

import (
	"strings"

	"ristmik/soap"
)

// why is the reason of a failure as the page shows it: in words, with whose
// turn it is, and the code for whoever wants to search for it.
type why struct {
	Turn string // "" when the reason says nothing about that
	Text string
	Code string
}

// kindsEstonian is [soap.Kind.Advice] in Estonian.
var kindsEstonian = map[soap.Kind]string{
	soap.KindRetryNow:      "Midagi ei saadetud; proovime ise uuesti.",
	soap.KindRetryLater:    "Vastaspoolel oli tõrge; proovime hiljem ise uuesti, kestva tõrke vaatab üle vastaspool.",
	soap.KindWait:          "Vastaspool on katkestusest teatanud; ootame selle lõppu.",
	soap.KindFixData:       "Sõnumist ei saa sellisena aru; paranda andmed või teenuse kirjeldus ja saada uuesti.",
	soap.KindFixRights:     "Õigus puudub või teenuse nimi või versioon on vale; küsi vastaspoolelt õigust või paranda seadistus.",
	soap.KindPartnerDown:   "Vastaspoolega ei saa ühendust; proovime ise uuesti, kestva katkestuse vaatab üle vastaspool.",
	soap.KindOwnServer:     "Meie oma turvaserver või tee selleni on rikkis; kutsu selle haldur.",
	soap.KindUnknownResult: "Vastaspool võis päringu täita; tee see kindlaks, enne kui sõnumi uuesti saadad.",
	soap.KindTampered:      "Vastus ei kuulu päringu juurde ja jäi kasutamata; näita vastaspoolele mõlema sõnumi tunnust.",
	soap.KindHashMismatch:  "Vastatud päring ei ole see, mille saatsime; käsitle seda turvaintsidendina ja säilita mõlema turvaserveri logid.",
	soap.KindBusiness:      "Vastaspoole teenus töötas ja keeldus; loe, miks.",
	soap.KindInternal:      "Ristmikus on viga; teata sellest koos sõnumi tunnusega.",
}

// givenUp stands in for [soap.Kind.Advice] where it says what the hub does by
// itself: with a dead message it does nothing any more.
var givenUp = map[soap.Kind]text{
	soap.KindRetryNow:    {"Midagi ei saadetud ja ise enam ei proovita.", "Nothing was sent, and the hub has given up."},
	soap.KindRetryLater:  {"Vastaspoolel oli tõrge ja ise enam ei proovita.", "The partner’s side had a failure, and the hub has given up."},
	soap.KindWait:        {"Vastaspool oli katkestusest teatanud ja ise enam ei proovita.", "The partner had announced a stop, and the hub has given up."},
	soap.KindPartnerDown: {"Vastaspoolega ei saanud ühendust ja ise enam ei proovita.", "The partner could not be reached, and the hub has given up."},
}

// explainDead is explain for a message that is dead: a person sends it again
// or nobody does. Where the other side may have acted, or said no, it does not
// ask for that.
func explainDead(l lang, reason string) *why {
	w := explain(l, reason)
	if w == nil {
		return nil
	}
	name, _, _ := strings.Cut(reason, " ")
	kind := soap.Kind(name)
	t, spent := givenUp[kind]
	if spent {
		w.Text = t.in(l)
		if kind.Turn() == soap.TurnNobody {
			w.Turn = say(l, "turn."+string(soap.TurnOurs))
		}
	}
	if spent || kind == soap.KindFixRights || kind == soap.KindOwnServer {
		w.Text += " " + say(l, "dead.mended")
	}
	return w
}

// explain puts a stored reason into words. A reason is a [soap.Kind], with a
// code behind a space where there is one; any other is shown as it is.
func explain(l lang, reason string) *why {
	if reason == "" {
		return nil
	}
	name, code, _ := strings.Cut(reason, " ")
	kind := soap.Kind(name)
	inEstonian, known := kindsEstonian[kind]
	if !known {
		if t, ok := words["because."+reason]; ok {
			return &why{Text: t.in(l), Code: reason}
		}
		return &why{Code: reason}
	}
	turn, text := soap.Advise(kind, code)
	w := &why{Turn: say(l, "turn."+string(turn)), Text: text, Code: code}
	if l == estonian {
		if w.Text = advicesEstonian[text]; w.Text == "" {
			w.Text = inEstonian
		}
	}
	return w
}

// explainError puts the error of a job into words: it is a text for operators
// that may name a [soap.Kind] somewhere.
func explainError(l lang, text string) *why {
	if text == "" {
		return nil
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ':' }) {
		if _, known := kindsEstonian[soap.Kind(word)]; known {
			w := explain(l, word)
			w.Code = text
			return w
		}
	}
	return &why{Code: text}
}
