package securityserver_test

import (
	"archive/zip"
	"crypto"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

const (
	goldenID  = "0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11"
	ourClient = "&xRoadInstance=EE-DEV&memberClass=GOV&memberCode=70000001&subsystemCode=permits"
)

// unzip reads an archive into its files and their order.
func unzip(t *testing.T, data string) (map[string]string, []string) {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files, names := map[string]string{}, []string(nil)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name], names = string(content), append(names, f.Name)
	}
	return files, names
}

func TestSignedDocuments(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-149")
	begun := time.Now()
	var moved atomic.Int64
	w := start(t, securityserver.Spelling78, echo(same), func(o *securityserver.Options) {
		o.Now = func() time.Time { return begun.Add(time.Duration(moved.Load())) }
		o.TimestampAfter = time.Minute
		o.Subsystems[1].Connection = securityserver.SSLNoAuth
	})
	_, answer := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml")
	resp, _ := send(t, "PUT", w.url+carsPath+"/1", "{}", "X-Road-Client", "EE-DEV/GOV/70000001/permits", "X-Road-Id", "a/b")
	if resp.StatusCode != 200 {
		t.Fatalf("the call over REST has status %d", resp.StatusCode)
	}
	for query, want := range map[string]string{
		"queryId=x&requestOnly&responseOnly&unique": `400 Parameters "requestOnly" and "responseOnly" cannot be used at the same time.`,
		"queryId=x&unique":                          `400 Parameter "unique" not applicable without "requestOnly" or "responseOnly".`,
		"":                                          `400 Parameter "queryId"  must be specified.`,
		"queryId=x":                                 `400 Parameter "xRoadInstance"  must be specified.`,
		"queryId=x&xRoadInstance=EE-DEV":            `400 Parameter "memberClass"  must be specified.`,
		"queryId=x&xRoadInstance=EE-DEV&memberClass=GOV":                 `400 Parameter "memberCode"  must be specified.`,
		"queryId=x" + ourClient:                                          "404 No signed documents found",
		"queryId=x" + strings.ReplaceAll(ourClient, "permits", "nobody"): "500 Client 'SUBSYSTEM:EE-DEV/GOV/70000001/nobody' not found",
		"queryId=x" + strings.ReplaceAll(ourClient, "permits", "other"):  "401 Client (SUBSYSTEM:EE-DEV/GOV/70000001/other) specifies HTTPS NO AUTH but client made plaintext connection",
		"queryId=" + goldenID + ourClient:                                "500 Message signature has not been timestamped yet!",
	} {
		resp, body := send(t, "GET", w.url+"/asic?"+query, "")
		if got := resp.Status[:4] + body; got != want || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s as %s, want %s", query, got, resp.Header.Get("Content-Type"), want)
		}
	}
	if resp, body := send(t, "GET", w.url+"/asic?force&queryId="+goldenID+ourClient, ""); resp.StatusCode != 200 {
		t.Errorf("forced: %d %s", resp.StatusCode, body)
	}
	moved.Store(int64(time.Minute))
	resp, body := send(t, "GET", w.url+"/asic?queryId="+goldenID+ourClient, "")
	if resp.Header.Get("Content-Type") != "application/zip" || resp.Header.Get("Content-Disposition") != `attachment; filename="`+goldenID+`.zip"` {
		t.Errorf("%v", resp.Header)
	}
	containers, names := unzip(t, body)
	if want := goldenID + "-request-1.asice," + goldenID + "-response-2.asice"; strings.Join(names, ",") != want {
		t.Fatalf("containers %v, want %s", names, want)
	}
	for i, message := range []string{goldenRequest, answer} {
		files, order := unzip(t, containers[names[i]])
		if want := "mimetype message.xml META-INF/signatures.xml META-INF/manifest.xml"; strings.Join(order, " ") != want {
			t.Errorf("entries %v, want %s", order, want)
		}
		if files["mimetype"] != "application/vnd.etsi.asic-e+zip" || files["message.xml"] != message {
			t.Errorf("mimetype %q, message %q", files["mimetype"], files["message.xml"])
		}
		checkSignature(t, files)
	}
	// The provider's side of a REST message, one container of it.
	resp, body = send(t, "GET", w.url+"/asic?unique&requestOnly&queryId="+url.QueryEscape("a/b")+"&xRoadInstance=EE-DEV&memberClass=COM&memberCode=10000002&subsystemCode=registry", "")
	if resp.Header.Get("Content-Type") != "application/vnd.etsi.asic-e+zip" || resp.Header.Get("Content-Disposition") != `attachment; filename="a%2Fb-request.asice"` {
		t.Errorf("%v %s", resp.Header, body)
	}
	files, _ := unzip(t, body)
	if !strings.HasPrefix(files["message.xml"], "PUT\r\n"+carsPath+"/1\r\n") || files["attachment1"] != "{}" {
		t.Errorf("a REST message was kept as %q with %q", files["message.xml"], files["attachment1"])
	}
	checkSignature(t, files)
}

// checkSignature checks the digests and the signature of a container, and that
// it says that it is a test.
func checkSignature(t *testing.T, files map[string]string) {
	t.Helper()
	signatures := files["META-INF/signatures.xml"]
	doc, err := soap.ReadTree([]byte(signatures), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if strings.HasPrefix(name, "META-INF/") || name == "mimetype" {
			continue
		}
		sum := sha512.Sum512([]byte(data))
		if !strings.Contains(signatures, `URI="/`+name+`"`) || !strings.Contains(signatures, base64.StdEncoding.EncodeToString(sum[:])) {
			t.Errorf("%s is not signed", name)
		}
	}
	text := func(path string) string {
		e := doc.FindElement(path)
		if e == nil {
			t.Fatalf("no %s in %s", path, signatures)
		}
		return e.Text()
	}
	der, err := base64.StdEncoding.DecodeString(text("//X509Certificate"))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	value, err := base64.StdEncoding.DecodeString(text("//SignatureValue"))
	if err != nil {
		t.Fatal(err)
	}
	from, to := strings.Index(signatures, "<ds:SignedInfo"), strings.Index(signatures, "</ds:SignedInfo>")+len("</ds:SignedInfo>")
	sum := sha512.Sum512([]byte(signatures[from:to]))
	if err := rsa.VerifyPKCS1v15(certificate.PublicKey.(*rsa.PublicKey), crypto.SHA512, sum[:], value); err != nil {
		t.Error(err)
	}
	if got := text("//ClaimedRole"); !strings.HasPrefix(got, "Sandbox test signature") {
		t.Errorf("the signer's role is %q", got)
	}
}

func TestVerificationConfiguration(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-151")
	w := start(t, securityserver.Spelling78, echo(same), func(o *securityserver.Options) { o.Subsystems[0].Connection = securityserver.SSLAuth })
	resp, body := send(t, "GET", w.url+"/verificationconf", "")
	if resp.Header.Get("Content-Type") != "application/zip" || resp.Header.Get("Content-Disposition") != `filename="verificationconf.zip"` {
		t.Errorf("%v", resp.Header)
	}
	files, names := unzip(t, body)
	if want := "verificationconf/EE-DEV/shared-params.xml verificationconf/EE-DEV/shared-params.xml.metadata verificationconf/instance-identifier"; strings.Join(names, " ") != want {
		t.Errorf("entries %v, want %s", names, want)
	}
	if files["verificationconf/instance-identifier"] != "EE-DEV" || !strings.Contains(files["verificationconf/EE-DEV/shared-params.xml.metadata"], `"configurationVersion":"3"`) {
		t.Errorf("%v", files)
	}
	doc, err := soap.ReadTree([]byte(files["verificationconf/EE-DEV/shared-params.xml"]), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.FindElement("//securityServer/serverCode"); got == nil || got.Text() != "ss1" {
		t.Errorf("shared parameters: %s", files["verificationconf/EE-DEV/shared-params.xml"])
	}
}
