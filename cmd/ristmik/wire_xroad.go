package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
)

// newXRoad makes the client of one subsystem from the configuration.
func newXRoad(cfg configs.XRoad, client soap.ClientID, record func(xroad.Exchange), alarm func(xroad.Alarm)) (*xroad.Client, error) {
	o := xroad.Options{
		Client: client, Pause: cfg.Pause,
		Timeout: cfg.Timeout, ConnectTimeout: cfg.ConnectTimeout, HeaderTimeout: cfg.HeaderTimeout,
		NewID: uuid.NewString, Now: time.Now, Limits: soap.LimitsOf(cfg.AnswerBytes()), Record: record, Alarm: alarm,
		Services: map[soap.ServiceID]xroad.Timeouts{},
	}
	for _, s := range cfg.SecurityServers() {
		o.Servers = append(o.Servers, xroad.Server{Address: s.Address, CertificateFile: s.CertificateFile, Plaintext: s.Plaintext})
	}
	for name, k := range cfg.Certificates {
		id, err := soap.ParseClientID(name)
		if err != nil {
			return nil, fmt.Errorf("xroad.client_certificates.%s: %w", name, err)
		}
		if id == client {
			o.Certificate = xroad.KeyPair{CertificateFile: k.CertificateFile, KeyFile: k.KeyFile}
		}
	}
	for name, s := range cfg.Services {
		id, err := soap.ParseServiceID(name)
		if err != nil {
			return nil, fmt.Errorf("xroad.services.%s: %w", name, err)
		}
		o.Services[id] = xroad.Timeouts{Connect: s.ConnectTimeout, Header: s.HeaderTimeout, Total: s.Timeout}
	}
	return xroad.New(o)
}

// logAlarm writes what somebody has to look at.
func logAlarm(log *slog.Logger, a xroad.Alarm) {
	attrs := []any{"code", a.Code, "server", a.Server}
	if f := a.Failure; f != nil {
		attrs = append(attrs, "failure", f.Code, "message_id", f.MessageID)
	}
	if a.Err != nil {
		attrs = append(attrs, "error", a.Err.Error())
	}
	log.Error("x-road alarm", attrs...)
}

// xroad checks what the words of the section mean: identifiers and files.
func (m *meaning) xroad() {
	x := m.cfg.XRoad
	m.client("xroad.client", x.Client)
	for i, s := range x.Servers {
		if s.CertificateFile == "" {
			continue
		}
		if err := xroad.CheckPinned(s.CertificateFile); err != nil {
			m.fault(fmt.Sprintf("xroad.security_servers[%d].certificate_file", i), "bad-pinned-certificate", err.Error())
		}
	}
	for name, k := range x.Certificates {
		path := "xroad.client_certificates." + name
		m.client(path, name)
		if k.CertificateFile == "" || k.KeyFile == "" {
			continue
		}
		if err := (xroad.KeyPair{CertificateFile: k.CertificateFile, KeyFile: k.KeyFile}).Check(); err != nil {
			m.fault(path, "bad-certificate", err.Error())
		}
	}
	for name := range x.Services {
		if _, err := soap.ParseServiceID(name); err != nil {
			m.fault("xroad.services."+name, "bad-identifier", err.Error(), "INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE[/VERSION]")
		}
	}
}
