package main

import (
	"fmt"
	"io"

	"ristmik/adapters/xroad"
)

// documents fetches what proves an exchange; it waits for the time-stamp.
func (c callCommand) documents(p *surroundings, xr *xroad.Client) error {
	d, err := xr.SignedDocuments(p.ctx, xroad.DocumentQuery{MessageID: c.Documents, Force: c.Now})
	if err != nil {
		return err
	}
	defer d.Body.Close()
	if c.Output == "" {
		c.Output = d.Name
	}
	if err := c.write(p, func(w io.Writer) error {
		_, err := io.Copy(w, d.Body)
		return err
	}); err != nil {
		return err
	}
	fmt.Fprintln(p.out, c.Output)
	return nil
}
