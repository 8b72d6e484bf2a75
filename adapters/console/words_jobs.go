package console

// jobWords are what jobs count in their reports.
var jobWords = map[string]text{
	"summary.persons": {"isikuid", "persons"},
	"summary.records": {"kirjeid", "records"},
	"summary.events":  {"sündmusi tuumale", "events for the core"},

	"summary.same":     {"samu kirjeldusi", "descriptions that are the same"},
	"summary.harmless": {"ohutult muutunuid", "changed harmlessly"},
	"summary.breaking": {"lõhkuvalt muutunuid", "changed so that it breaks"},
	"summary.failed":   {"võrdlemata jäänuid", "not compared"},

	"summary.messages":         {"kustutatud sõnumeid", "messages deleted"},
	"summary.bulk jobs":        {"kustutatud hulgitöid", "bulk jobs deleted"},
	"summary.keys":             {"kustutatud kordusvõtmeid", "idempotency keys deleted"},
	"summary.questions":        {"kustutatud küsimusi", "questions deleted"},
	"summary.attachments":      {"kustutatud manuseid", "attachments deleted"},
	"summary.files":            {"kustutatud faile", "files deleted"},
	"summary.exchanges":        {"kustutatud andmevahetusi", "exchanges deleted"},
	"summary.days of attempts": {"kustutatud katsete päevi", "days of attempts deleted"},
}
