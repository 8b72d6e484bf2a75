package console

import (
	"net/http"
	"time"

	"golang.org/x/text/language"
)

// lang is a language of the page: "et" or "en".
type lang string

const (
	estonian lang = "et"
	english  lang = "en"
)

const langCookie = "ristmik_lang"

// other is the language that the switch leads to.
func (l lang) other() lang {
	if l == english {
		return estonian
	}
	return english
}

// languageOf is the language that the reader asked for: by the switch, by an
// earlier use of the switch, or by the browser. Without any, it is Estonian.
func languageOf(r *http.Request) lang {
	asked := lang(r.URL.Query().Get("lang"))
	if asked == estonian || asked == english {
		return asked
	}
	if c, err := r.Cookie(langCookie); err == nil && (lang(c.Value) == estonian || lang(c.Value) == english) {
		return lang(c.Value)
	}
	accepted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(accepted) == 0 {
		return estonian
	}
	_, at, _ := language.NewMatcher([]language.Tag{language.Estonian, language.English}).Match(accepted...)
	return []lang{estonian, english}[at]
}

// rememberLanguage keeps a choice made with the switch.
func rememberLanguage(w http.ResponseWriter, r *http.Request, l lang) {
	if r.URL.Query().Has("lang") {
		http.SetCookie(w, &http.Cookie{
			Name: langCookie, Value: string(l), Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
			HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
		})
	}
}
