import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.activation.DataHandler;
import jakarta.mail.util.ByteArrayDataSource;
import jakarta.xml.bind.JAXBContext;
import jakarta.xml.bind.JAXBElement;
import jakarta.xml.bind.Marshaller;
import jakarta.xml.bind.Unmarshaller;
import jakarta.xml.bind.attachment.AttachmentMarshaller;
import jakarta.xml.bind.attachment.AttachmentUnmarshaller;
import jakarta.xml.ws.Holder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import javax.xml.namespace.QName;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.cxf.binding.soap.SoapFault;
import org.apache.cxf.binding.soap.SoapMessage;
import org.apache.cxf.binding.soap.interceptor.AbstractSoapInterceptor;
import org.apache.cxf.endpoint.Client;
import org.apache.cxf.headers.Header;
import org.apache.cxf.jaxb.JAXBDataBinding;
import org.apache.cxf.jaxws.endpoint.dynamic.JaxWsDynamicClientFactory;
import org.apache.cxf.phase.Phase;
import org.apache.cxf.service.model.BindingOperationInfo;
import org.apache.cxf.service.model.MessagePartInfo;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Calls services with Apache CXF, as an information system of another maker would: with classes that CXF
 * makes of the description.
 *
 * <p>Reads one job as JSON from standard input and prints what it got. What a job and a result hold is told by
 * the types job and result of the test. The X-Road schemas come from the catalogue on the class path: nothing
 * leaves this machine.
 */
public class CxfClient {
    static final String XROAD = "http://x-road.eu/xsd/xroad.xsd";
    static final String IDENTIFIERS = "http://x-road.eu/xsd/identifiers";
    static final String[] PARTS = {"xRoadInstance", "memberClass", "memberCode", "subsystemCode", "serviceCode", "serviceVersion"};

    static Document document;
    static List<Header> received;

    @SuppressWarnings("unchecked")
    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        Map<String, Object> job = json.readValue(System.in, Map.class);
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        document = factory.newDocumentBuilder().newDocument();

        Client client = JaxWsDynamicClientFactory.newInstance().createClient((String) job.get("wsdl"));
        client.getRequestContext().put(org.apache.cxf.message.Message.ENDPOINT_ADDRESS, job.get("endpoint"));
        client.getInInterceptors().add(new AbstractSoapInterceptor(Phase.PRE_PROTOCOL) {
            @Override
            public void handleMessage(SoapMessage message) {
                received = List.copyOf(message.getHeaders());
            }
        });
        JAXBContext classes = ((JAXBDataBinding) client.getEndpoint().getService().getDataBinding()).getContext();

        TreeSet<String> operations = new TreeSet<>();
        for (BindingOperationInfo operation : client.getEndpoint().getBinding().getBindingInfo().getOperations()) {
            operations.add(operation.getName().getLocalPart());
        }
        List<Object> results = new ArrayList<>();
        for (Map<String, Object> call : (List<Map<String, Object>>) job.get("calls")) {
            results.add(make(client, classes, job, call));
        }
        System.out.println(json.writeValueAsString(Map.of("operations", operations, "results", results)));
        System.exit(0); // the threads of the HTTP client would stay
    }

    @SuppressWarnings("unchecked")
    static Object make(Client client, JAXBContext classes, Map<String, Object> job, Map<String, Object> call) throws Exception {
        String namespace = client.getEndpoint().getService().getName().getNamespaceURI();
        BindingOperationInfo operation = client.getEndpoint().getBinding().getBindingInfo()
            .getOperation(new QName(namespace, (String) call.get("operation")));

        List<Object> provider = new ArrayList<>((List<Object>) job.get("provider"));
        provider.add(call.get("operation"));
        provider.add(call.get("version"));
        Map<String, Element> headers = new LinkedHashMap<>();
        headers.put("client", identifier("client", "SUBSYSTEM", (List<Object>) job.get("client")));
        headers.put("service", identifier("service", "SERVICE", provider));
        headers.put("id", field("id", call.get("id")));
        headers.put("userId", field("userId", call.get("user_id")));
        headers.put("issue", field("issue", call.get("issue")));
        headers.put("protocolVersion", field("protocolVersion", "4.0"));

        // The first part is the wrapper; those of the header are in holders, since the answer has them too.
        List<MessagePartInfo> parts = operation.getOperationInfo().getInput().getMessageParts();
        Object[] values = new Object[parts.size()];
        for (MessagePartInfo part : parts) {
            QName name = part.getElementQName();
            Element element = headers.get(name.getLocalPart());
            if (part.getIndex() == 0) {
                element = document.createElementNS(name.getNamespaceURI(), name.getLocalPart());
                fill(element, (Map<String, Object>) call.get("body"));
            }
            Unmarshaller reader = classes.createUnmarshaller();
            reader.setAttachmentUnmarshaller(new Files((List<Map<String, String>>) call.getOrDefault("attachments", List.of())));
            Object value = element == null ? null : reader.unmarshal(element, part.getTypeClass()).getValue();
            values[part.getIndex()] = part.getIndex() == 0 ? value : new Holder<>(value);
        }

        // What is referred to goes by SOAP with attachments, what is content by MTOM.
        client.getRequestContext().put(org.apache.cxf.message.Message.MTOM_ENABLED, call.getOrDefault("mtom", false));
        Map<String, Object> result = new LinkedHashMap<>();
        Kept kept = new Kept();
        try {
            Object[] answer = client.invoke(operation, values);
            // CXF takes the answer out of its wrapper.
            Map<String, Object> body = new LinkedHashMap<>();
            int at = 0;
            for (MessagePartInfo part : operation.getUnwrappedOperation().getOperationInfo().getOutput().getMessageParts()) {
                if (!XROAD.equals(part.getConcreteName().getNamespaceURI()) && answer[at] != null) {
                    body.put(part.getConcreteName().getLocalPart(), value(classes, part, answer[at], kept));
                }
                at++;
            }
            result.put("body", body);
            result.put("attachments", kept.files);
            Map<String, Object> header = new LinkedHashMap<>();
            for (Header field : received) {
                header.put(field.getName().getLocalPart(), value((Element) field.getObject()));
            }
            result.put("header", header);
        } catch (SoapFault fault) {
            result.put("fault", Map.of("code", fault.getFaultCode().getLocalPart(), "string", fault.getMessage()));
        }
        return result;
    }

    static Element field(String name, Object text) {
        Element element = document.createElementNS(XROAD, "xrd:" + name);
        element.setTextContent((String) text);
        return element;
    }

    static Element identifier(String name, String kind, List<Object> parts) {
        Element element = document.createElementNS(XROAD, "xrd:" + name);
        element.setAttributeNS(IDENTIFIERS, "id:objectType", kind);
        for (int i = 0; i < parts.size(); i++) {
            if (!"".equals(parts.get(i))) {
                Element child = document.createElementNS(IDENTIFIERS, "id:" + PARTS[i]);
                child.setTextContent((String) parts.get(i));
                element.appendChild(child);
            }
        }
        return element;
    }

    /** Reads an object of CXF's classes by writing it as the element of its part. */
    @SuppressWarnings("unchecked")
    static Object value(JAXBContext classes, MessagePartInfo part, Object object, Kept kept) throws Exception {
        Element root = document.createElement("root");
        Marshaller writer = classes.createMarshaller();
        writer.setAttachmentMarshaller(kept);
        writer.marshal(new JAXBElement<>(part.getConcreteName(), (Class<Object>) part.getTypeClass(), object), root);
        return value((Element) root.getFirstChild());
    }

    /** Gives the files of a call to those who refer to them. */
    static class Files extends AttachmentUnmarshaller {
        final List<Map<String, String>> files;

        Files(List<Map<String, String>> files) {
            this.files = files;
        }

        @Override
        public DataHandler getAttachmentAsDataHandler(String reference) {
            for (Map<String, String> file : files) {
                if (reference.equals("cid:" + file.get("content_id"))) {
                    return new DataHandler(new ByteArrayDataSource(Base64.getDecoder().decode(file.get("content")), file.get("content_type")));
                }
            }
            throw new IllegalArgumentException("no file " + reference);
        }

        @Override
        public byte[] getAttachmentAsByteArray(String reference) {
            throw new UnsupportedOperationException();
        }
    }

    /** Keeps the files to which an answer refers. */
    static class Kept extends AttachmentMarshaller {
        final List<Map<String, String>> files = new ArrayList<>();

        @Override
        public String addSwaRefAttachment(DataHandler file) {
            try {
                files.add(Map.of("content_id", "", "content_type", file.getContentType(),
                    "content", Base64.getEncoder().encodeToString(file.getInputStream().readAllBytes())));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return "cid:" + files.size();
        }

        @Override
        public String addMtomAttachment(DataHandler file, String namespace, String name) {
            return null; // it stands in the text
        }

        @Override
        public String addMtomAttachment(byte[] data, int offset, int length, String type, String namespace, String name) {
            return null;
        }
    }

    /** Writes values as elements without a namespace, a list as one element for each. */
    @SuppressWarnings("unchecked")
    static void fill(Element parent, Map<String, Object> values) {
        for (Map.Entry<String, Object> entry : values.entrySet()) {
            List<Object> items = entry.getValue() instanceof List ? (List<Object>) entry.getValue() : List.of(entry.getValue());
            for (Object item : items) {
                Element child = document.createElementNS(null, entry.getKey());
                if (item instanceof Map) {
                    fill(child, (Map<String, Object>) item);
                } else {
                    child.setTextContent(item.toString());
                }
                parent.appendChild(child);
            }
        }
    }

    /** Reads an element: its text, or its children by name. */
    @SuppressWarnings("unchecked")
    static Object value(Element element) {
        Map<String, Object> children = new LinkedHashMap<>();
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element child) {
                Object value = value(child);
                children.merge(child.getLocalName(), value, (before, now) -> {
                    List<Object> list = before instanceof List ? (List<Object>) before : new ArrayList<>(List.of(before));
                    list.add(now);
                    return list;
                });
            }
        }
        return children.isEmpty() ? element.getTextContent() : children;
    }
}
