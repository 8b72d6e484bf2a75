package simulated

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"ristmik/soap"
)

// ReceivedFile is a file that came with a question, or that one names. SHA256 is
// that of what came; of what is only named, the one that the question gives.
type ReceivedFile struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Came   bool   `json:"came"` // beside the question, by SwA or MTOM
}

// part is an attachment that came; nothing of it is kept.
type part struct {
	id, sha256 string
	size       int64
}

func readParts(in *soap.Incoming) ([]part, error) {
	var list []part
	for {
		a, err := in.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, a.Body)
		if err != nil {
			return nil, err
		}
		list = append(list, part{a.ContentID, hex.EncodeToString(sum.Sum(nil)), n})
	}
}

// checkFiles finds the parts to which a request refers, and refuses it when one
// is missing or another one than it says. What is referred to is as it came then.
func checkFiles(request map[string]any, came []part) error {
	list, _ := request["attachment"].([]any)
	for _, item := range list {
		a, _ := item.(map[string]any)
		ref, ok := a["contentRef"].(string)
		if !ok {
			continue
		}
		found := false
		for _, p := range came {
			if soap.RefersTo(ref, p.id) && p.sha256 == a["sha256"] && fmt.Sprint(p.size) == fmt.Sprint(a["size"]) {
				found = true
			}
		}
		if !found {
			return &businessFault{"attachment", "manus puudub või ei ole see, mis öeldud"}
		}
	}
	return nil
}

// filesOf are the files of a request that was checked.
func filesOf(request map[string]any) (out []ReceivedFile) {
	list, _ := request["attachment"].([]any)
	for _, item := range list {
		a, _ := item.(map[string]any)
		var f ReceivedFile
		f.ID, _ = a["id"].(string)
		f.Name, _ = a["name"].(string)
		f.SHA256, _ = a["sha256"].(string)
		_, _ = fmt.Sscan(fmt.Sprint(a["size"]), &f.Size) // the contract has found it a number
		_, f.Came = a["contentRef"]
		out = append(out, f)
	}
	return out
}

// reference is a file that a question in JSON names, to be fetched.
type reference struct {
	ReceivedFile
	MediaType      string `json:"media_type"`
	Classification string `json:"classification"`
	Container      bool   `json:"container"`
	Href           string `json:"href"`
}

func named(list []reference) (out []ReceivedFile) {
	for _, r := range list {
		r.Came = false
		out = append(out, r.ReceivedFile)
	}
	return out
}
