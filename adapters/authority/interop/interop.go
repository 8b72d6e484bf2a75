// Package interop lets programs of other makers talk to ours: node-soap, zeep and
// Apache CXF call every SOAP service of the hub, straight and through the sandbox's
// Security Server; the description is read as a Security Server reads it; and the
// hub calls a service written with node-soap.
//
// It has tests only. They need Node.js with the packages of
// testdata/package-lock.json (npm ci), zeep for the interpreter named in
// RISTMIK_PYTHON (Debian's python3-zeep for the default, /usr/bin/python3), and a
// JDK with the jars of testdata/java/pom.xml; make interop installs them all. Where
// one is missing its tests are skipped with a sentence that says so.
package interop
