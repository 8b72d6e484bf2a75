package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// rest calls a REST service; bodies are streamed both ways.
func (c callCommand) rest(p *surroundings, xr *xroad.Client, told result) error {
	service, err := soap.ParseServiceID(c.Service)
	if err != nil {
		return usage(err)
	}
	call := xroad.RESTCall{
		Service: service, Method: strings.ToUpper(c.Method), Path: c.Path, Query: c.Query,
		Header: http.Header{"Accept": {"application/json, */*"}},
		UserID: c.UserID, Issue: c.Issue, RepresentedParty: c.Represented, Timeout: c.Timeout,
	}
	if call.Method == "" {
		call.Method = http.MethodGet
	}
	if call.SecurityServer, err = c.target(); err != nil {
		return err
	}
	if c.Data != "" {
		if call.ContentType = c.Type; call.ContentType == "" {
			call.ContentType = "application/json; charset=utf-8"
		}
		switch file, isFile := strings.CutPrefix(c.Data, "@"); {
		case !isFile:
			call.Body = []byte(c.Data)
		case file == "-":
			call.Stream = os.Stdin
		default:
			f, err := os.Open(file)
			if err != nil {
				return usage(err)
			}
			defer f.Close()
			if info, err := f.Stat(); err == nil {
				call.Length = info.Size()
			}
			call.Stream = f
		}
	}
	return c.send(p, xr, call, told)
}

// send makes the call and writes the answer.
func (c callCommand) send(p *surroundings, xr *xroad.Client, call xroad.RESTCall, told result) error {
	a, err := xr.OpenREST(p.ctx, call)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if c.JSON {
		err = told.addREST(a)
	} else {
		err = c.write(p, func(w io.Writer) error {
			_, err := io.Copy(w, a.Body)
			return err
		})
	}
	if err != nil {
		return err
	}
	if a.Status >= 300 {
		return &soap.Failure{
			Kind: xroad.KindOfStatus(a.Status), Code: fmt.Sprintf("http.%d", a.Status), MessageID: a.Exchange.MessageID,
			Message: "the provider answered " + strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))) + location(a.Header),
		}
	}
	return nil
}

func location(h http.Header) string {
	if l := h.Get("Location"); l != "" {
		return ", to " + l + ", which is never followed"
	}
	return ""
}

// addREST tells the whole answer; a body that is no JSON becomes a text.
func (r result) addREST(a *xroad.RESTStream) error {
	r["exchange"], r["status"], r["header"] = exchangeOf(a.Exchange), a.Status, a.Header
	body, err := io.ReadAll(a.Body)
	if json.Valid(body) {
		r["answer"] = json.RawMessage(body)
	} else {
		r["answer"] = string(body)
	}
	return err
}
