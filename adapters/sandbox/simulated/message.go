package simulated

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// message is what the authority says to the hub to do a thing: the operation and
// its content in the spelling of the REST service. What it answers is remembered
// before it is said, so that it says the same after a crash.
func (w *World) message(a *authority, c *consultation, d deed) (operation string, content map[string]any, err error) {
	deedOf := map[string]any{"consultation_id": c.id, "round": c.round, "action_id": actionID(a, c, d)}
	switch d {
	case acknowledges:
		return "acknowledgeConsultation", deedOf, nil
	case reviews:
		return "takeIntoReview", deedOf, nil
	case looks:
		return "getConsultation", map[string]any{"consultation_id": c.id}, nil
	case asks:
		deedOf["text"] = "Sünteetiline küsimus arenduskeskkonnast: palun täpsustage."
		return "requestInformation", deedOf, nil
	case extends:
		w.mu.Lock()
		latest := c.latest
		w.mu.Unlock()
		if latest == "" {
			latest = w.o.Now().AddDate(0, 0, 5).Format(time.DateOnly)
		}
		deedOf["until"], deedOf["reason"] = latest, "Sünteetiline põhjendus arenduskeskkonnast."
		return "requestExtension", deedOf, nil
	case answers, corrects:
		answer, err := w.decided(a, c, d)
		if err != nil {
			return "", nil, err
		}
		return "submitAnswer", answerContent(c.id, c.round, answer), nil
	default:
		return "submitAnswer", w.spoilt(a, c, d), nil
	}
}

// spoilt is an answer that nobody can take.
func (w *World) spoilt(a *authority, c *consultation, d deed) map[string]any {
	w.mu.Lock()
	good := a.character.answer(actionID(a, c, d), "NO_OBJECTION", c.received)
	w.mu.Unlock()
	content := answerContent(c.id, c.round, good)
	switch d {
	case unknownQuestion:
		content["consultation_id"] = uuid.NewSHA1(actionSpace, []byte(c.id)).String()
	case wrongRound:
		content["round"] = c.round + 7
	case stale:
		content["round"] = c.round - 1
	case groundless:
		content["answer_code"] = "OBJECTION"
		delete(content, "legal_ground")
		delete(content, "justification")
	}
	return content
}

// decided is the answer or the correction; the first time it is made and
// remembered.
func (w *World) decided(a *authority, c *consultation, d deed) (Answer, error) {
	w.mu.Lock()
	known, code := c.answer, a.character.AnswerCode
	if d == corrects {
		known, code = c.second, a.character.SecondCode
	}
	if known != nil {
		w.mu.Unlock()
		return *known, nil
	}
	answer := a.character.answer(w.o.NewID(), code, w.o.Now())
	deliveries := a.character.Deliveries
	if d == corrects {
		answer.Correction = "Sünteetiline parandus arenduskeskkonnast."
	} else if w.manner(a, c) == Repeats {
		deliveries = max(3, deliveries)
	}
	t, err := w.commit(record{At: answer.AnsweredAt, Decided: &decidedRecord{System: a.name, ID: c.id, Round: c.round, Answer: answer, Deliveries: deliveries}})
	w.mu.Unlock()
	if err == nil {
		err = t.Wait()
	}
	return answer, remembered(err)
}

// answerContent is an answer in the spelling of the REST service.
func answerContent(id string, round int, a Answer) map[string]any {
	content := map[string]any{
		"consultation_id": id, "round": round, "answer_id": a.ID, "answer_code": a.Code,
		"answered_at": a.AnsweredAt.UTC().Truncate(time.Second).Format(time.RFC3339),
	}
	for name, value := range map[string]string{"legal_ground": a.LegalGround, "justification": a.Justification, "correction": a.Correction} {
		if value != "" {
			content[name] = value
		}
	}
	var list []any
	for _, one := range a.Conditions {
		v := map[string]any{"code": one.Code, "text": one.Text}
		if one.ValidUntil != "" {
			v["valid_until"] = one.ValidUntil
		}
		list = append(list, v)
	}
	if len(list) > 0 {
		content["conditions"] = list
	}
	return content
}

// actionSpace is the namespace of what authorities do: an id is made from what
// is done, so that it is the same after a crash.
var actionSpace = uuid.MustParse("4a2d3c52-8f4b-5a53-9a63-8a1d2f6f6a10")

func actionID(a *authority, c *consultation, d deed) string {
	return uuid.NewSHA1(actionSpace, fmt.Appendf(nil, "%s/%s/%d/%s", a.name, c.id, c.round, d)).String()
}
