// Package interop lets programs of other makers talk to ours: node-soap and
// zeep call every SOAP service of the hub, straight and through the sandbox's
// Security Server, and the hub calls a service written with node-soap.
//
// It has tests only. They need Node.js with the packages of
// testdata/package-lock.json (npm ci), and zeep for the interpreter named in
// RISTMIK_PYTHON (Debian's python3-zeep for the default, /usr/bin/python3); where
// one is missing its tests are skipped with a sentence that says so.
package interop
