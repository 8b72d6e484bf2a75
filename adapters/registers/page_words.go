package registers

import (
	"fmt"
	"strings"
)

// pageWords are the texts of the pages: Estonian, English.
var pageWords = map[string][2]string{
	"registers":      {"Registrid", "Registers"},
	"lead":           {"Iga siin loetletud teenus on andmevahetuskeskuse JSON-liides. Kirjeldus tuleb registri enda lepingufailist.", "Every service listed here is a JSON endpoint of the hub. What is said of it comes from the register’s own contract."},
	"language":       {"In English", "Eesti keeles"},
	"skip":           {"Otse sisu juurde", "Skip to content"},
	"none":           {"Ühtegi registrit ei ole seadistatud.", "No register is configured."},
	"count":          {"teenuseid %d", "%d services"},
	"provider":       {"Pakkuja", "Provider"},
	"contract":       {"Leping", "Contract"},
	"service":        {"Teenus", "Service"},
	"programs":       {"Programmidele: openapi.json", "For programs: openapi.json"},
	"operations":     {"Teenused", "Services"},
	"usable":         {"Kasutada saab %d teenust %d-st.", "%d of %d services can be used."},
	"unusable":       {"Kasutada ei saa", "Cannot be used"},
	"why":            {"Lepingus on ehitus, mida keskus ei toeta:", "The contract has what the hub cannot do:"},
	"older":          {"Vanem versioon; kutsutakse nii: ?version=%s", "An older version; called with ?version=%s"},
	"try":            {"Proovi", "Try it"},
	"headers":        {"Päised", "Headers"},
	"request":        {"Päring", "Request"},
	"answer":         {"Vastus", "Answer"},
	"answer.lead":    {"Need väljad on vastuse osas data; osa exchange ütleb, milline andmevahetus see oli ja kui vanad andmed on.", "These fields stand in data of the answer; exchange says which exchange it was and how old the data are."},
	"examples":       {"Näited", "Examples"},
	headerUser:       {"Isik, kelle nimel päring tehakse, riigikood ees.", "The person on whose behalf the call is made, with the country before the code."},
	headerIssue:      {"Asja viide: miks päring tehakse.", "The reference of the case, which says why the call is made."},
	headerPurpose:    {"Milleks andmeid küsitakse, sõnadega. Salvestatakse päringu juurde, registrile ei saadeta.", "What the data are asked for, in words. It is recorded with the exchange and not sent to the register."},
	"smallest":       {"Väikseim", "Smallest"},
	"fullest":        {"Täielikem", "Fullest"},
	"field":          {"Väli", "Field"},
	"type":           {"Tüüp", "Type"},
	"rules":          {"Reeglid", "Rules"},
	"meaning":        {"Tähendus", "Meaning"},
	"required":       {"kohustuslik", "required"},
	"empty":          {"Välju ei ole.", "There are no fields."},
	"same":           {"nagu %s ülalpool", "as %s above"},
	"more":           {"Väljasid on veel; kõik on failis openapi.json.", "There are more fields; openapi.json has them all."},
	"list.of":        {"loend: %s", "list of %s"},
	"or":             {" või ", " or "},
	"type.string":    {"tekst", "text"},
	"type.integer":   {"täisarv", "whole number"},
	"type.number":    {"arv", "number"},
	"type.boolean":   {"tõeväärtus", "true or false"},
	"type.object":    {"objekt", "object"},
	"type.array":     {"loend", "list"},
	"type.null":      {"null", "null"},
	"type.any":       {"mis tahes", "anything"},
	"one.of":         {"üks neist: %v", "one of: %v"},
	"always":         {"alati %v", "always %v"},
	"rule.minItems":  {"vähemalt %v", "at least %v"},
	"rule.maxItems":  {"kuni %v", "at most %v"},
	"rule.minLength": {"vähemalt %v märki", "at least %v characters"},
	"rule.maxLength": {"kuni %v märki", "at most %v characters"},
	"rule.minimum":   {"vähemalt %v", "at least %v"},
	"rule.maximum":   {"kuni %v", "at most %v"},

	"rule.exclusiveMinimum":    {"üle %v", "more than %v"},
	"rule.exclusiveMaximum":    {"alla %v", "less than %v"},
	"rule.multipleOf":          {"arvu %v kordne", "a multiple of %v"},
	"rule.pattern":             {"kujul %v", "of the form %v"},
	"rule.x-unchecked-pattern": {"kujul %v (keskus ei kontrolli)", "of the form %v (the hub does not check it)"},
	"rule.format":              {"vorming %v", "format %v"},
}

// estonianRules are the beginnings of what [contract.Simple.Rules] and the notes
// of package mapping say, in the order in which they are tried.
var estonianRules = strings.NewReplacer(
	"exactly ", "täpselt ", "at least ", "vähemalt ", "at most ", "kuni ", "more than ", "üle ", "less than ", "alla ", "fraction digits", "murdnumbrit",
	"characters", "märki", "octets", "baiti", "digits", "numbrit", " to ", " kuni ",
)

// ruleIn says a rule in the language of a page.
func ruleIn(l lang, rule string) string {
	if form, ok := strings.CutPrefix(rule, "of the form "); ok {
		return say(l, "rule.pattern", form)
	}
	if l == english {
		return rule
	}
	return estonianRules.Replace(rule)
}

// noteIn says a note in the language of a page: those of the hub itself are
// known in both, those of descriptions stand in whatever language they are in.
func noteIn(l lang, note string) string {
	if known, ok := estonianNotes[note]; ok && l == estonian {
		return known
	}
	return note
}

var estonianNotes = map[string]string{
	"A date, YYYY-MM-DD, with or without a zone.":            "Kuupäev, AAAA-KK-PP, vööndiga või ilma.",
	"A moment, YYYY-MM-DDThh:mm:ss, with or without a zone.": "Ajahetk, AAAA-KK-PPTtt:mm:ss, vööndiga või ilma.",
	"A time, hh:mm:ss, with or without a zone.":              "Kellaaeg, tt:mm:ss, vööndiga või ilma.",
	"A duration, such as P1DT2H.":                            "Kestus, näiteks P1DT2H.",
	"Octets in base64.":                                      "Baidid base64-kujul.",
	"Octets in hexadecimal.":                                 "Baidid kuueteistkümnendkujul.",
}

// say is a text of the pages in a language.
func say(l lang, key string, args ...any) string {
	pair, ok := pageWords[key]
	if !ok {
		return key
	}
	text := pair[0]
	if l == english {
		text = pair[1]
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}
