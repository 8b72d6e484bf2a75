package table

import "time"

// Back turns a request round: from the register's content to the core's. It says
// why where the table cannot be turned round.
func (t *Table) Back(value map[string]any, on time.Time) (back map[string]any, why string, err error) {
	return t.request.back(value, on)
}

// BackAnswer does so with an answer.
func (t *Table) BackAnswer(value map[string]any, on time.Time) (back map[string]any, why string, err error) {
	return t.answer.back(value, on)
}

func (d *direction) back(value map[string]any, on time.Time) (back map[string]any, why string, err error) {
	if d.oneWay != "" {
		return nil, d.oneWay, nil
	}
	back, err = d.turned().run(value, on)
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

// Compact leaves out empty lists and objects.
func Compact(value any) any { return compact(value) }
