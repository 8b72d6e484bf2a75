package configs

// Authority is one body that is consulted: its name for people, the subsystem
// that may answer for it, how it is asked, and where a question waits that could
// not be sent. One that works at the desk only needs no subsystem.
type Authority struct {
	Title     Title    `yaml:"title"`
	Subsystem string   `yaml:"subsystem"`
	Wire      Wire     `yaml:"wire"`
	Service   string   `yaml:"service"`
	Fallback  Fallback `yaml:"fallback"`
	Notices   Notices  `yaml:"notices"`
	// Attachments says how the files of a question go with it over SOAP.
	Attachments Enclosing `yaml:"attachments"`
	// Files is the REST service of the authority's own subsystem where files are
	// fetched that it names in its answers; "" is none.
	Files string `yaml:"files"`
	// Watch is as in [Contract], of the service that takes its questions.
	Watch Switch `yaml:"watch"`
}

// Enclosing is how the files of a question go with it over SOAP; "" is as "swa".
type Enclosing string

// The ways: by SOAP with attachments, by MTOM, or not at all: the authority
// fetches what the question names.
const (
	EncloseSwA  Enclosing = "swa"
	EncloseMTOM Enclosing = "mtom"
	EncloseNone Enclosing = "fetch"
)

// Allowed lists the values a file may hold.
func (Enclosing) Allowed() []string {
	return []string{string(EncloseSwA), string(EncloseMTOM), string(EncloseNone)}
}

// Notices says how an authority learns what became of its questions, and its
// digests: it fetches them, which is the default, or they are sent.
type Notices string

// NoticesPush sends them over the authority's wire.
const NoticesPush Notices = "push"

// Allowed lists the values a file may hold.
func (Notices) Allowed() []string { return []string{"fetch", string(NoticesPush)} }

// Fallback is where a question waits when the authority's wire is dead; "" is
// nowhere: a person must act.
type Fallback string

// FallbackDesk lets the question wait in the authority's desk inbox, under the
// same id.
const FallbackDesk Fallback = "desk"

// Allowed lists the values a file may hold.
func (Fallback) Allowed() []string { return []string{string(FallbackDesk)} }

// Wire is the way an authority is asked.
type Wire string

// The wires: SOAP consultationRequest, the same over X-Road REST, or the
// employment register's own query with a machine's answer. With the last two
// nothing is sent: the authority's system fetches its questions, or its people
// find them in their desk inbox.
const (
	WireSOAP               Wire = "soap"
	WireREST               Wire = "rest"
	WireEmploymentRegister Wire = "employment_register"
	WirePull               Wire = "pull"
	WireDesk               Wire = "desk"
)

// Allowed lists the values a file may hold.
func (Wire) Allowed() []string {
	return []string{string(WireSOAP), string(WireREST), string(WireEmploymentRegister), string(WirePull), string(WireDesk)}
}

// Sends says whether the hub sends questions over the wire.
func (w Wire) Sends() bool { return w != WirePull && w != WireDesk }
