package names

import "strings"

// table is section 6 A (Latin) and B (Cyrillic) of ICAO Doc 9303, part 3, for
// capitals. Where the Latin table leaves a choice, the first spelling stands.
// The soft sign and the Ukrainian apostrophe are not written; Ћ and Ѓ, which
// the printed table lacks or confuses, are as the states that use them write
// them.
var table = lettersOf(
	"A ÁÀÂĂĀĄÃǍ", "AA Å", "AE ÄÆ", "C ĆĈČĊÇ", "D ÐĎĐ", "E ÉÈÊËĚĖĒĘĔ", "G ĜĞĠĢ", "H ĤĦ", "I ÍÌÎÏĨĪĬĮİ", "IJ Ĳ", "J Ĵ", "K Ķ",
	"L ŁĹĽĻĿ", "N ŃÑŇŅŊ", "O ÓÒÔÕŐŌŎ", "OE ÖØŒ", "R ŔŘŖ", "S ŚŜŠŞȘ", "SS ẞß", "T ŢŤŦȚ", "TH Þ", "U ÚÙÛŨŪŬŮŰŲ",
	"UE Ü", "W Ŵ", "Y ÝŶŸ", "Z ŹŽŻ",

	"A А", "B Б", "V В", "G Г", "D Д", "E ЕЁЭ", "ZH Ж", "Z З", "I ИЙІЇ", "K КЌ", "L Л", "M М", "N Н", "O О", "P П", "R Р",
	"S С", "T Т", "U УЎѪ", "F Ф", "KH Х", "TS Ц", "CH Ч", "SH Ш", "SHCH Щ", "IE ЪЄ", "Y ЫѴ", "IU Ю", "IA Я", "D Ђ",
	"DZ ЅЏ", "J Ј", "LJ Љ", "NJ Њ", "G ҐЃҒ", "C ЋҺ", " Ьʼ",
)

// rules are what a country does otherwise, at the beginning of a word or
// anywhere.
type rules struct{ first, any map[rune]string }

var serbian = rules{any: lettersOf("H ГХ", "Z Ж", "C ЦЧ", "S Ш")}

var exceptions = map[string]rules{
	"BLR": {any: lettersOf("IO Ё", "H Г")},
	"BGR": {any: lettersOf("SHT Щ")},
	"MKD": {any: lettersOf("KJ Ќ", "DJ Џ", "H Х", "C Ц", "GJ ЃҒ")},
	"SRB": serbian,
	"MNE": serbian,
	"UKR": {any: lettersOf("H Г", "Y И"), first: lettersOf("YE Є", "YI Ї", "Y Й", "YU Ю", "YA Я")},
}

// lettersOf reads rows of a spelling, a space and the letters spelled so.
func lettersOf(rows ...string) map[rune]string {
	m := map[rune]string{}
	for _, row := range rows {
		latin, letters, _ := strings.Cut(row, " ")
		for _, r := range letters {
			m[r] = latin
		}
	}
	return m
}
