package securityserver

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/rand"
	hash512 "crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// asicType is the media type of an ASiC-E container.
const asicType = "application/vnd.etsi.asic-e+zip"

// testSignature says in every container what its signature is worth.
const testSignature = "Sandbox test signature: made by a development Security Server, without legal value"

// container packs a message as ASiC-E: the message, its body, and a signature
// over both with the server's own key, which says that it is a test.
func (m *logged) container(own *tls.Certificate) ([]byte, error) {
	type file struct {
		name, mediaType string
		data            []byte
	}
	files := []file{{"message.xml", "text/xml", m.message}}
	if len(m.body) > 0 {
		files = append(files, file{"attachment1", "application/octet-stream", m.body})
	}
	digests := map[string][]byte{}
	names := make([]string, 0, len(files))
	var entries strings.Builder
	for _, f := range files {
		sum := hash512.Sum512(f.data)
		digests[f.name] = sum[:]
		names = append(names, f.name)
		fmt.Fprintf(&entries, `<manifest:file-entry manifest:full-path="%s" manifest:media-type="%s"/>`, f.name, f.mediaType)
	}
	signature, err := signatures(own, m.logged, names, digests)
	if err != nil {
		return nil, fmt.Errorf("signing a container: %w", err)
	}
	files = append(files,
		file{"META-INF/signatures.xml", "", signature},
		file{"META-INF/manifest.xml", "", []byte(`<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" manifest:media-type="` + asicType + `"/>` + entries.String() + `</manifest:manifest>`)})
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if err := z.SetComment(testSignature); err != nil {
		return nil, err
	}
	if err := stored(z, "mimetype", []byte(asicType)); err != nil { // first and uncompressed (ETSI EN 319 162-1)
		return nil, err
	}
	for _, f := range files {
		if err := stored(z, f.name, f.data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// The algorithms of the signature.
const (
	dsNS      = "http://www.w3.org/2000/09/xmldsig#"
	exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	rsaSHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
)

// signatures writes META-INF/signatures.xml: an XAdES signature over the files.
// What is digested is written in its canonical form already, with its own
// namespace declarations, so that it needs no canonicalisation.
func signatures(own *tls.Certificate, at time.Time, names []string, digests map[string][]byte) ([]byte, error) {
	key, ok := own.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the internal key cannot sign")
	}
	encode := base64.StdEncoding.EncodeToString
	digest := func(data []byte) string {
		return fmt.Sprintf(`<ds:DigestMethod xmlns:ds="%s" Algorithm="%s"></ds:DigestMethod><ds:DigestValue xmlns:ds="%s">%s</ds:DigestValue>`, dsNS, sha512, dsNS, encode(data))
	}
	certificate := hash512.Sum512(own.Certificate[0])
	properties := `<xades:SignedProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Id="signed-properties"><xades:SignedSignatureProperties><xades:SigningTime>` +
		at.UTC().Format(time.RFC3339) + `</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>` + digest(certificate[:]) +
		`</xades:CertDigest></xades:Cert></xades:SigningCertificateV2><xades:SignerRoleV2><xades:ClaimedRoles><xades:ClaimedRole>` + testSignature +
		`</xades:ClaimedRole></xades:ClaimedRoles></xades:SignerRoleV2></xades:SignedSignatureProperties></xades:SignedProperties>`
	var info strings.Builder
	fmt.Fprintf(&info, `<ds:SignedInfo xmlns:ds="%s"><ds:CanonicalizationMethod Algorithm="%s"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="%s"></ds:SignatureMethod>`, dsNS, exclusive, rsaSHA512)
	reference := func(attributes, transforms string, data []byte) {
		fmt.Fprintf(&info, `<ds:Reference %s>%s<ds:DigestMethod Algorithm="%s"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference>`, attributes, transforms, sha512, encode(data))
	}
	for _, name := range names {
		reference(fmt.Sprintf(`URI="/%s"`, name), "", digests[name])
	}
	sum := hash512.Sum512([]byte(properties))
	reference(`Type="http://uri.etsi.org/01903#SignedProperties" URI="#signed-properties"`, fmt.Sprintf(`<ds:Transforms><ds:Transform Algorithm="%s"></ds:Transform></ds:Transforms>`, exclusive), sum[:])
	info.WriteString(`</ds:SignedInfo>`)
	sum = hash512.Sum512([]byte(info.String()))
	value, err := key.Sign(rand.Reader, sum[:], crypto.SHA512)
	if err != nil {
		return nil, err
	}
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><asic:XAdESSignatures xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"><ds:Signature xmlns:ds="` + dsNS + `" Id="signature">` +
		info.String() + `<ds:SignatureValue>` + encode(value) + `</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + encode(own.Certificate[0]) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object><xades:QualifyingProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#" Target="#signature">` +
		properties + `</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>`), nil
}
