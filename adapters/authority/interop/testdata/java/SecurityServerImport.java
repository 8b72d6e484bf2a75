import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import javax.wsdl.BindingOperation;
import javax.wsdl.Definition;
import javax.wsdl.Port;
import javax.wsdl.Service;
import javax.wsdl.extensions.ExtensibilityElement;
import javax.wsdl.extensions.UnknownExtensibilityElement;
import javax.wsdl.extensions.soap.SOAPAddress;
import javax.wsdl.extensions.soap.SOAPBinding;
import javax.wsdl.factory.WSDLFactory;
import javax.wsdl.xml.WSDLReader;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Reads a description as an X-Road Security Server does when its administrator adds one: with wsdl4j, without
 * following imports and without looking into schemas; of each port with SOAP over HTTP, the operations with
 * their version and title, and the address.
 */
public class SecurityServerImport {
    @SuppressWarnings("unchecked")
    public static void main(String[] args) throws Exception {
        WSDLReader reader = WSDLFactory.newInstance("com.ibm.wsdl.factory.WSDLFactoryImpl").newWSDLReader();
        reader.setFeature("javax.wsdl.verbose", false);
        reader.setFeature("javax.wsdl.importDocuments", false);
        reader.setFeature("com.ibm.wsdl.parseXMLSchemas", false);
        Definition description = reader.readWSDL(args[0]);
        List<Object> found = new ArrayList<>();
        for (Service service : (Collection<Service>) description.getServices().values()) {
            for (Port port : (Collection<Port>) service.getPorts().values()) {
                if (!overHTTP(port)) {
                    continue;
                }
                for (BindingOperation operation : (List<BindingOperation>) port.getBinding().getBindingOperations()) {
                    found.add(Map.of("operation", operation.getName(), "version", version(operation),
                        "title", title(operation.getOperation().getDocumentationElement()), "address", address(port)));
                }
            }
        }
        System.out.println(new ObjectMapper().writeValueAsString(found));
    }

    @SuppressWarnings("unchecked")
    static boolean overHTTP(Port port) {
        for (ExtensibilityElement extension : (List<ExtensibilityElement>) port.getBinding().getExtensibilityElements()) {
            if (extension instanceof SOAPBinding binding) {
                return "http://schemas.xmlsoap.org/soap/http".equals(binding.getTransportURI());
            }
        }
        return false;
    }

    @SuppressWarnings("unchecked")
    static String address(Port port) {
        for (ExtensibilityElement extension : (List<ExtensibilityElement>) port.getExtensibilityElements()) {
            if (extension instanceof SOAPAddress address) {
                return address.getLocationURI();
            }
        }
        return "";
    }

    @SuppressWarnings("unchecked")
    static String version(BindingOperation operation) {
        for (ExtensibilityElement extension : (List<ExtensibilityElement>) operation.getExtensibilityElements()) {
            if (extension.getElementType().getLocalPart().equals("version")) {
                return ((UnknownExtensibilityElement) extension).getElement().getFirstChild().getNodeValue().trim();
            }
        }
        return "";
    }

    /** The first title of an operation's documentation. */
    static String title(Element documentation) {
        for (Node node = documentation == null ? null : documentation.getFirstChild(); node != null; node = node.getNextSibling()) {
            if ("title".equals(node.getLocalName())) {
                return node.getTextContent().trim();
            }
        }
        return "";
    }
}
