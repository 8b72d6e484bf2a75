// An authority's service of another maker: consultationRequest, written with
// node-soap. Arguments: the description and the folder of the X-Road schemas.
// It prints its port and ends when its standard input does.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { basename, join } from 'node:path';
import soap from 'soap';

const [description, catalogue] = process.argv.slice(2);

class LocalSchemas extends soap.HttpClient {
  request(url, data, callback) {
    if (!url.startsWith('http://x-road.eu/')) throw new Error('not on this machine: ' + url);
    callback(null, { status: 200, headers: {} }, readFileSync(join(catalogue, basename(url)), 'utf8'));
  }
}

const seen = new Map();
function consultationRequest({ request }) {
  if (request.caseReference === 'FAULT') {
    throw { Fault: { faultcode: 'Server.Overload', faultstring: 'täna ei vasta', statusCode: 500 } };
  }
  const duplicate = seen.has(request.consultationId);
  if (!duplicate) seen.set(request.consultationId, 'R-' + (seen.size + 1) + ' ' + request.surname);
  return { response: { receiptId: seen.get(request.consultationId), duplicate } };
}

const server = http.createServer((req, res) => {
  res.statusCode = 404;
  res.end();
});
// A Security Server takes text/xml only; node-soap says application/xml.
server.prependListener('request', (req, res) => {
  const set = res.setHeader.bind(res);
  res.setHeader = (name, value) => set(name, name.toLowerCase() === 'content-type' ? 'text/xml; charset=utf-8' : value);
});
server.listen(0, '127.0.0.1', () => {
  const service = soap.listen(server, {
    path: '/soap',
    services: { ConsultationRequestService: { ConsultationRequestPort: { consultationRequest } } },
    xml: readFileSync(description, 'utf8'),
    uri: description,
    httpClient: new LocalSchemas(),
    callback: () => console.log(server.address().port),
  });
  // An answer repeats the header of its request (PR-MESS 2.2).
  service.addSoapHeader((method, args, header) => {
    const copy = {};
    for (const [name, value] of Object.entries(header)) {
      if (typeof value !== 'object') {
        copy['xrd:' + name] = { attributes: { 'xmlns:xrd': 'http://x-road.eu/xsd/xroad.xsd' }, $value: value };
        continue;
      }
      const parts = { attributes: {
        'xmlns:xrd': 'http://x-road.eu/xsd/xroad.xsd', 'xmlns:id': 'http://x-road.eu/xsd/identifiers',
        'id:objectType': Object.entries(value.attributes).find(([key]) => key.endsWith('objectType'))[1],
      } };
      for (const [key, part] of Object.entries(value)) if (key !== 'attributes') parts['id:' + key] = part;
      copy['xrd:' + name] = parts;
    }
    return copy;
  });
});
process.stdin.on('end', () => process.exit(0)).resume();
