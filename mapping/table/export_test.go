package table

import "time"

// Back turns a request round: from the register's content to the core's. It says
// why where the table cannot be turned round.
func (t *Table) Back(value map[string]any, on time.Time) (back map[string]any, why string, err error) {
	if t.request.oneWay != "" {
		return nil, t.request.oneWay, nil
	}
	back, err = t.request.turned().run(value, on)
	return back, "", err
}

// Change puts a value through one transform; ok is false when it is refused.
func Change(text string, value any, toRegister bool) (out any, ok bool) {
	c, code, message := newCall(text)
	if code != "" {
		panic(message)
	}
	out, code, _ = changes([]call{c}, value, toRegister, func(path) string { return "" })
	return out, code == ""
}

// Several says whether a transform is one that several fields take part in.
func Several(name string) bool { return name == joins || name == concats }
