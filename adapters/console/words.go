package console

import "fmt"

// text is one text of the page in both languages.
type text struct{ et, en string }

func (t text) in(l lang) string {
	if l == english {
		return t.en
	}
	return t.et
}

// words are the texts of the page, by key. A text with verbs is used with
// arguments; one whose first argument is a count has a second form, key+".one",
// for exactly one.
var words = map[string]text{
	"title":       {"Ristmik – käitus", "Ristmik – operations"},
	"tagline":     {"Rändemenetluse andmevahetus", "Data exchange of migration proceedings"},
	"skip":        {"Otse sisu juurde", "Skip to content"},
	"language":    {"In English", "Eesti keeles"},
	"updated":     {"Seis kell", "As of"},
	"live.on":     {"uueneb ise", "updates itself"},
	"live.off":    {"seisab", "paused"},
	"live.pause":  {"Peata uuenemine", "Pause updates"},
	"live.resume": {"Jätka uuenemist", "Resume updates"},
	"reload":      {"Värskenda", "Reload"},
	"api":         {"API", "API"},
	"metrics":     {"Mõõdikud", "Metrics"},
	"version":     {"versioon", "version"},
	"zone":        {"Kellaajad on Eesti aja järgi.", "Times are Estonian time."},
	"none":        {"–", "–"},

	"well":        {"Kõik on korras", "All is well"},
	"well.detail": {"Miski ei seisa. Saatmata: %d.", "Nothing is stuck. Unsent: %d."},
	"idle.detail": {"Midagi ei ole saata ja miski ei seisa.", "Nothing is to be sent and nothing is stuck."},
	"trouble":     {"%d asja vajab tähelepanu", "%d things need attention"},
	"trouble.one": {"Üks asi vajab tähelepanu", "One thing needs attention"},
	"watch":       {"Jälgida: %d", "%d things to watch"},
	"watch.one":   {"Üks asi jälgida", "One thing to watch"},
	"severe":      {"Viga", "Trouble"},
	"mild":        {"Hoiatus", "Warning"},
	"since":       {"alates", "since"},
	"since.head":  {"Alates", "Since"},

	"issue.dead":         {"%d sõnumit on luhtunud", "%d messages were given up"},
	"issue.dead.one":     {"Üks sõnum on luhtunud", "One message was given up"},
	"issue.blocked":      {"järel ootab %d", "%d wait behind"},
	"issue.blocked.one":  {"järel ootab üks", "one waits behind"},
	"issue.idle":         {"Kaitselüliti ootab järgmist sõnumit, millega proovida", "The breaker waits for the next message to probe with"},
	"issue.open":         {"Kaitselüliti on lahti: sõnumid ootavad", "The breaker is open: messages wait"},
	"issue.half_open":    {"Kaitselüliti proovib, kas vastaspool töötab", "The breaker is testing whether the other side works"},
	"issue.old":          {"%d sõnumit ootab liiga kaua", "%d messages have waited too long"},
	"issue.old.one":      {"Üks sõnum ootab liiga kaua", "One message has waited too long"},
	"own_server":         {"Meie turvaserver", "Our Security Server"},
	"issue.own":          {"%d sõnumit ei pääse välja", "%d messages cannot leave"},
	"issue.own.one":      {"Üks sõnum ei pääse välja", "One message cannot leave"},
	"issue.gateway":      {"Kaitselüliti on lahti: midagi ei saadeta, kuni turvaserver jälle vastab", "The breaker is open: nothing is sent until the server answers again"},
	"issue.paused":       {"Peatatud, %s", "Paused by %s"},
	"issue.paused.until": {"Peatatud, %s, kuni %s", "Paused by %s until %s"},
	"issue.retries":      {"Luhtunuid ei korrata, %s", "Failed messages are not tried again, by %s"},
	"issue.missed":       {"Töö ei ole õigel ajal alanud", "The job has not begun in time"},
	"issue.job":          {"Töö ebaõnnestus", "The job failed"},

	"turn.ours":   {"Meie kord", "Our turn"},
	"turn.theirs": {"Nende kord", "Their turn"},
	"turn.nobody": {"Ootame", "Nobody’s turn"},

	"deliveries":         {"Saadetised", "Deliveries"},
	"deliveries.caption": {"Sõnumite arv sihtkohtade ja olekute kaupa", "Number of messages by destination and state"},
	"deliveries.none":    {"Sihtkohti ei ole.", "There are no destinations."},
	"destination":        {"Sihtkoht", "Destination"},
	"destination.hidden": {"Varjatud kooskõlastuspäringud", "Hidden consultation requests"},
	"state.ready":        {"Valmis", "Ready"},
	"state.sending":      {"Saatmisel", "Sending"},
	"state.waiting":      {"Ootel", "Waiting"},
	"state.delivered":    {"Edastatud", "Delivered"},
	"state.blocked":      {"Luhtunu järel", "Behind a given-up one"},
	"state.parked":       {"Lüliti taga", "Held by breaker"},
	"state.dead":         {"Luhtunud", "Given up"},
	"oldest":             {"Vanim saatmata", "Oldest unsent"},

	"breakers":           {"Kaitselülitid", "Breakers"},
	"breakers.caption":   {"Kas sihtkohta saadetakse", "Whether a destination is being sent to"},
	"breakers.none":      {"Ükski kaitselüliti ei ole veel rakendunud.", "No breaker has acted yet."},
	"state":              {"Olek", "State"},
	"breaker.closed":     {"Kinni, saadab", "Closed, sending"},
	"breaker.open":       {"Lahti, ootab", "Open, waiting"},
	"breaker.half_open":  {"Proovib", "Trying"},
	"breaker.once":       {"Kordusteta", "No retries"},
	"breaker.paused":     {"Peatatud", "Paused"},
	"breaker.shut":       {"Suletud ajal", "Outside hours"},
	"breaker.shut.until": {"Saatmine algab jälle", "Sending begins again"},
	"breaker.ramp":       {"Tempo kasvab", "Pace grows"},
	"breaker.waits":      {"Ootab turvaserverit", "Awaits the server"},
	"breaker.trial":      {"Viimane proov:", "Last trial:"},
	"breaker.idle":       {"Ootab sõnumit", "Awaits a message"},
	"until.message":      {"järgmise sõnumiga", "with the next message"},
	"until":              {"Uus katse", "Next try"},
	"reason":             {"Põhjus", "Reason"},

	"jobs":         {"Ajastatud tööd", "Scheduled jobs"},
	"jobs.caption": {"Millal töö käis, mis sai ja millal jälle", "When each job ran, what came of it, and when it runs again"},
	"jobs.none":    {"Ajastatud töid ei ole.", "There are no scheduled jobs."},
	"job":          {"Töö", "Job"},
	"cron":         {"Ajastus", "Schedule"},
	"last":         {"Viimati", "Last run"},
	"result":       {"Tulemus", "Result"},
	"next":         {"Järgmine", "Next"},
	"action":       {"Tegevus", "Action"},
	"run":          {"Käivita kohe", "Run now"},
	"run.label":    {"Käivita kohe töö %s", "Run job %s now"},
	"never":        {"pole veel käinud", "has not run yet"},
	"took":         {"kestis %s", "took %s"},

	"dead":         {"Luhtunud sõnumid", "Messages given up"},
	"dead.caption": {"Sõnumid, mille üle otsustab inimene", "Messages that a person decides about"},
	"dead.none":    {"Luhtunud sõnumeid ei ole.", "No message was given up."},
	"dead.more":    {"Näha on %d uuemat; kõik on API-s.", "The newest %d are shown; the API has all."},
	"what":         {"Mis", "What"},
	"attempts":     {"Katseid", "Attempts"},

	"changes":         {"Kaitselülitite muutused", "Breaker changes"},
	"changes.caption": {"Viimased muutused, uuem eespool", "The latest changes, newest first"},
	"changes.none":    {"Muutusi ei ole.", "No changes."},
	"when":            {"Millal", "When"},

	"done.run":        {"Töö %s käivitub kohe.", "Job %s runs now."},
	"fault.not_found": {"Sellist sõnumit ega tööd ei ole.", "There is no such message or job."},
	"fault.failed":    {"Ei õnnestunud. Täpsemalt logis.", "It did not work. The log has more."},

	"down":        {"Seisu ei saa näidata", "The state cannot be shown"},
	"down.detail": {"Andmebaas ei vasta. Täpsemalt: /readyz ja logi.", "The database does not answer. More at /readyz and in the log."},

	"run.running":   {"Käib", "Running"},
	"run.waiting":   {"Järjekorras", "Queued"},
	"run.paused":    {"Peatatud", "Paused"},
	"run.succeeded": {"Korras", "Done"},
	"run.failed":    {"Ebaõnnestus", "Failed"},
	"run.cancelled": {"Katkestatud", "Cancelled"},

	"dead.mended": {"Kui see on korras, saada uuesti.", "Send again when it is mended."},

	"because.apply":              {"Edastatud, kuid tulemust ei saanud salvestada.", "Sent, but the result could not be stored."},
	"because.on_dead":            {"Loobumist ei saanud salvestada.", "Giving up could not be stored."},
	"because.panic":              {"Saatja katkes programmivea tõttu.", "The sender broke off on a program error."},
	"because.invalid_result":     {"Saatja ei öelnud, mis tulemus oli.", "The sender did not say what came of it."},
	"because.attempts_spent":     {"Katsed said otsa.", "No attempts are left."},
	"because.lease_expired":      {"Saatmine katkes; vastaspool võis sõnumi saada.", "Sending was cut off; the other side may have the message."},
	"because.probe":              {"Üks sõnum proovib, kas vastaspool töötab.", "One message tests whether the other side works."},
	"because.probe succeeded":    {"Proov õnnestus.", "The trial succeeded."},
	"because.probe told nothing": {"Proov ei öelnud vastaspoole kohta midagi.", "The trial told nothing about the other side."},
	"because.all_fail":           {"Kõik vastaspooled tõrguvad korraga, viga on ilmselt meie turvaserveris; kutsu selle haldur.", "All partners fail at once, so it is probably our own Security Server; call its administrator."},
	"because.gateway":            {"Tõrge oli meie turvaserveris.", "The trouble was at our own Security Server."},
	"because.expired":            {"Sõnum aegus.", "The message has expired."},
	"because.probe not sent":     {"Proovisõnumit ei saanud saata.", "The trial message could not be sent."},

	"age.0":    {"alla 1 s", "under 1 s"},
	"age.s":    {"%d s", "%d s"},
	"age.min":  {"%d min", "%d min"},
	"age.h":    {"%d t", "%d h"},
	"age.hmin": {"%d t %d min", "%d h %d min"},
	"age.d":    {"%d p", "%d d"},
	"age.ago":  {"%s eest", "%s ago"},
	"age.in":   {"%s pärast", "in %s"},
	"age.now":  {"praegu", "now"},
}

// say is the text of key in l. A key that is not there shows as itself, so that
// it is seen.
func say(l lang, key string, args ...any) string {
	if n, ok := first(args).(int); ok && n == 1 {
		if t, ok := wordsOf(key + ".one"); ok {
			return t.in(l)
		}
	}
	t, ok := wordsOf(key)
	switch {
	case !ok:
		return key
	case len(args) == 0:
		return t.in(l)
	}
	return fmt.Sprintf(t.in(l), args...)
}

func wordsOf(key string) (text, bool) {
	for _, list := range []map[string]text{words, actionWords, contractWords, jobWords} {
		if t, ok := list[key]; ok {
			return t, true
		}
	}
	return text{}, false
}

func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}
