// Holds an OpenAPI 3.1 document against the specification's own schema, with a validator that
// others wrote: reads it from standard input, prints each fault, exits with 1 when there is one.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

func fail(faults ...error) {
	for _, fault := range faults {
		fmt.Println(fault)
	}
	os.Exit(1)
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		fail(err)
	}
	checker, faults := validator.NewValidator(document)
	if len(faults) > 0 {
		fail(faults...)
	}
	valid, found := checker.ValidateDocument()
	for _, fault := range found {
		fmt.Println(fault.Message, fault.Reason)
		for _, one := range fault.SchemaValidationErrors {
			fmt.Println("  ", one.Location, one.Reason)
		}
	}
	if !valid {
		os.Exit(1)
	}
}
