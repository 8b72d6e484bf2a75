package consultation

// QuestionFor is what an authority gets of a request.
var QuestionFor = questionOf
